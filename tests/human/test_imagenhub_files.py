"""Files of ImagenHub ratings: how their cells are read, and what is said of bad ones."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from dreambench.errors import DreambenchError
from dreambench.human.analyze import analyze_imagenhub
from dreambench.human.imagenhub import read_imagenhub

CELLS = ["[0, 1]", "[0.5,1]", "[1,0.5]", "[1,1]"]


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder of ratings: 2 raters, methods A and B, 4 samples; a file's text may be given."""

    def make(**files: str) -> Path:
        folder = tmp_path / "ratings"
        (folder / "autometrics").mkdir(parents=True, exist_ok=True)
        lines = [f"s{i}\t{CELLS[i]}\t{CELLS[3 - i]}" for i in range(4)]
        table = "\n".join(["uid\tA\tB", *lines]) + "\n"
        scores = {f"s{i}": {"DINO": 0.2 * i, "CLIP_I": 0.1 * i * i} for i in range(4)}
        content = {"X_rater1.tsv": table, "X_rater2.tsv": table, "autometrics/A.json": json.dumps(scores)}
        names = {"rater1": "X_rater1.tsv", "rater2": "X_rater2.tsv", "A": "autometrics/A.json"}
        for name, text in {**content, **{names[key]: text for key, text in files.items()}}.items():
            (folder / name).write_text(text, encoding="utf-8")
        return folder

    return make


def test_o_is_taken_per_rater_and_then_averaged(small: Callable[..., Path]) -> None:
    other = "uid\tA\tB\n" + "\n".join(f"s{i}\t[0,0]\t[1,1]" for i in range(4))
    rated, _ = read_imagenhub(small(rater2=other))
    row = rated.images[(rated.images["sample"] == "s1") & (rated.images["method"] == "A")].iloc[0]
    # Rater 1 gave [0.5, 1], rater 2 [0, 0]: (sqrt(0.5) + 0) / 2, not sqrt(0.25 * 0.5).
    assert (row["sc"], row["pq"]) == (0.25, 0.5)
    assert row["o"] == pytest.approx(math.sqrt(0.5) / 2, abs=1e-12)


def test_gaps_are_left_out_and_counted_never_filled(small: Callable[..., Path]) -> None:
    gap = "uid\tA\tB\n" + "\n".join(f"s{i}\t{'' if i == 2 else CELLS[i]}\t[1,1]" for i in range(4))
    scores = {f"s{i}": {"DINO": 0.1 * i, "CLIP_I": 0.1} for i in range(3)} | {
        "s3": {"DINO": None, "CLIP_I": 1}
    }
    found, _ = analyze_imagenhub(small(rater2=gap, A=json.dumps(scores)))
    assert (found.n, found.left_out) == (2, 6)
    assert found.left_out_by == {
        "no automatic scores: A": 1, "no automatic scores: B": 4, "not rated by every rater": 1
    }  # fmt: skip
    assert found.rows[0].pearson.r is None  # two images have no correlation
    assert found.source.startswith("ratings")


BAD = {
    "a cell that is not a rating": ({"rater2": "uid\tA\ns0\t[0,1\n"}, r"X_rater2\.tsv row 2, column A"),
    "a value off the scale": ({"rater2": "uid\tA\ns0\t[0,2]\n"}, r"row 2, column A.*0, 0\.5 or 1"),
    "three values": ({"rater2": "uid\tA\ns0\t[0,1,1]\n"}, "row 2, column A"),
    "no header": ({"rater1": "s0\t[0,1]\n"}, r"X_rater1\.tsv row 1: the header"),
    "an empty file": ({"rater1": ""}, r"X_rater1\.tsv row 1"),
    "an empty first line": ({"rater1": "\nuid\tA\ns0\t[0,1]\n"}, r"X_rater1\.tsv row 1"),
    "a cell without an end": ({"rater1": "uid\tA\ns0\t" + "1" * 200_000}, r"X_rater1\.tsv cannot be read"),
    "a short row": ({"rater1": "uid\tA\tB\ns0\t[0,1]\n"}, "row 2: 2 columns, not 3"),
    "a sample twice": ({"rater1": "uid\tA\ns0\t[0,1]\ns0\t[0,1]\n"}, "row 3: s0 occurs twice"),
    "scores that are not JSON": ({"A": "{"}, r"A\.json cannot be read"),
    "scores of another shape": ({"A": "[1]"}, r"A\.json cannot be read"),
    "a score that is not a number": (
        {"A": '{"s0": {"DINO": "high", "CLIP_I": 1}}'},
        r"A\.json, s0, DINO: 'high'",
    ),
    "a score that is infinite": ({"A": '{"s0": {"DINO": Infinity, "CLIP_I": 1}}'}, r"A\.json, s0, DINO"),
}


@pytest.mark.parametrize(("files", "reason"), BAD.values(), ids=BAD)
def test_bad_files_are_one_line(small: Callable[..., Path], files: dict[str, str], reason: str) -> None:
    folder = small(**files)
    with pytest.raises(DreambenchError, match=reason) as caught:
        read_imagenhub(folder)
    assert "\n" not in str(caught.value)


def test_tables_without_a_rating_are_one_line(small: Callable[..., Path]) -> None:
    with pytest.raises(DreambenchError, match="contain no rating"):
        read_imagenhub(small(rater1="uid\tA\n", rater2="uid\tA\ns0\t\n"))


def test_missing_files_name_the_command_that_fetches_them(small: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(DreambenchError, match="dreambench data pull imagenhub"):
        read_imagenhub()  # nothing was pulled
    with pytest.raises(DreambenchError, match="no ImagenHub ratings"):
        read_imagenhub(tmp_path)
    folder = small()
    (folder / "X_rater2.tsv").unlink()
    with pytest.raises(DreambenchError, match="only one rater"):
        read_imagenhub(folder)
    folder = small()
    (folder / "autometrics" / "A.json").unlink()
    with pytest.raises(DreambenchError, match="no automatic scores"):
        read_imagenhub(folder)
