"""The public ImagenHub ratings: `correlate imagenhub` against another computation, and its pulled copy."""

from __future__ import annotations

import ast
import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest

from dreambench.cli import main
from dreambench.dataset import pull_ratings
from dreambench.dataset.pinned_files import IMAGENHUB
from dreambench.errors import DreambenchError

pytestmark = pytest.mark.slow


def dreambench(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    shown = capsys.readouterr()
    return int(end.value.code or 0), shown.out, shown.err


def by_hand(folder: Path) -> dict[tuple[str, str], np.ndarray]:
    """The ratings read and averaged in another way: [dino, clip_i, sc, pq, o] by image."""
    cells: dict[tuple[str, str], list[list[float]]] = {}
    for number in (1, 2, 3):
        lines = (folder / f"Subject-Driven_IG_rater{number}.tsv").read_text().splitlines()
        methods = lines[0].split("\t")[1:]
        for line in lines[1:]:
            uid, *row = line.split("\t")
            for method, cell in zip(methods, row, strict=True):
                cells.setdefault((uid, method), []).append(ast.literal_eval(cell))
    found = {}
    for file in (folder / "autometrics").glob("*.json"):
        for uid, scores in json.loads(file.read_text()).items():
            pairs = np.array(cells[uid, file.stem])
            human = [*pairs.mean(axis=0), np.sqrt(pairs.prod(axis=1)).mean()]
            human = np.round(human, 12)  # the same ratings in another order of raters are a tie
            found[uid, file.stem] = np.array([scores["DINO"], scores["CLIP_I"], *human])
    return found


@pytest.fixture(scope="module")
def correlated(imagenhub: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The command's folder, stdout and stderr; it takes five seconds."""
    out, shown, said = tmp_path_factory.mktemp("correlated") / "out", io.StringIO(), io.StringIO()
    with redirect_stdout(shown), redirect_stderr(said), pytest.raises(SystemExit) as end:
        main(["correlate", "imagenhub", "--data", str(imagenhub), "--out", str(out), "--json"])
    assert not end.value.code
    return out, shown.getvalue(), said.getvalue()


def test_imagenhub_in_one_command(correlated: tuple[Path, str, str]) -> None:
    folder, out, err = correlated
    shown = json.loads(out)
    assert (shown["n"], shown["left_out"]) == (600, 150)
    dino = next(row for row in shown["rows"] if (row["metric"], row["human"]) == ("dino", "sc"))
    assert dino["pearson"]["r"] == pytest.approx(0.5474, abs=1e-4)
    comparison = shown["comparison"]
    assert set(comparison) == {"difference", "ci95", "p"}
    clip_i = next(row for row in shown["rows"] if (row["metric"], row["human"]) == ("clip_i", "sc"))
    assert comparison["difference"] == pytest.approx(dino["pearson"]["r"] - clip_i["pearson"]["r"])
    assert comparison["ci95"][0] < comparison["difference"] < comparison["ci95"][1]
    assert comparison["p"] == shown["paired"][0]["p_bootstrap_two_sided"]
    assert str(folder) in err
    assert json.loads((folder / "correlation.json").read_text()) == shown
    assert (folder / "scatter.png").stat().st_size > 10_000


def test_imagenhub_equals_an_independent_computation(
    imagenhub: Path, correlated: tuple[Path, str, str]
) -> None:
    out, shown, _ = correlated
    found = json.loads(shown)
    table = by_hand(imagenhub)
    assert (found["n"], found["left_out"]) == (600, 150) == (len(table), 5 * 150 - len(table))
    assert found["source"] == "imagenhub@439f72c"
    columns = {"dino": 0, "clip_i": 1, "sc": 2, "pq": 3, "o": 4}
    scopes = {None: found, **found["methods"]}
    for method, scope in scopes.items():
        rows = np.array([v for (_, m), v in sorted(table.items()) if method in (None, m)])
        for row in scope["rows"]:
            x, y = rows[:, columns[row["metric"]]], rows[:, columns[row["human"]]]
            assert row["n"] == len(rows)
            assert row["pearson"]["r"] == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)
            ranks = [np.array([(v < u).sum() + (v == u).sum() / 2 for u in v]) for v in (x, y)]
            assert row["spearman"]["r"] == pytest.approx(np.corrcoef(*ranks)[0, 1], abs=1e-9)
    # What was seen once: DINO follows semantic consistency better than CLIP-I.
    (test,) = [t for t in found["paired"] if t["human"] == "sc"]
    assert test["difference"] == pytest.approx(0.171, abs=1e-3)
    assert test["steiger_p_two_sided"] < 1e-10
    files = {file.name for file in out.iterdir()}
    assert {"correlation.md", "correlation.tex", "correlation.json", "scatter.png"} <= files


def test_the_pulled_copy_is_found(
    imagenhub: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _, error = dreambench(capsys, "correlate", "imagenhub")
    assert code == 2
    assert "dreambench data pull imagenhub" in error
    assert error.count("\n") == 1
    code, told, _ = dreambench(capsys, "data", "pull", "imagenhub", "--from", imagenhub)
    assert code == 0
    assert "each verified" in told
    assert (IMAGENHUB.folder / "Subject-Driven_IG_rater1.tsv").is_file()
    assert dreambench(capsys, "correlate", "imagenhub", "--json")[0] == 0
    damaged = tmp_path / "copy"
    damaged.mkdir()
    for file in imagenhub.rglob("*"):
        if file.is_file():
            target = damaged / file.relative_to(imagenhub)
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(file.read_bytes())
    (damaged / "Subject-Driven_IG_rater2.tsv").write_text("uid\tX\n")
    with pytest.raises(DreambenchError, match=r"rater2.tsv: differs from the pinned file"):
        pull_ratings(tmp_path / "to", damaged)
    assert not (tmp_path / "to").exists()
