"""The command `correlate`, the ImagenHub ratings, and votes on one's own runs."""

from __future__ import annotations

import ast
import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from analysis.sample_runs import image_row, make_run

from dreambench.analysis.votes import COLUMNS, read_votes
from dreambench.benchmark.imagenhub import pull_ratings, ratings_folder
from dreambench.cli import main
from dreambench.errors import DreambenchError

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def ratings() -> Path:
    """The folder of the public ratings; the test is skipped where it is absent."""
    shared = Path(os.environ.get("DREAMBENCH_SHARED_DATA") or ROOT.parent / "shared" / "data")
    folder = shared / "imagenhub-sdig"
    if not folder.is_dir():
        pytest.skip(f"the ImagenHub ratings are not in {folder} (set DREAMBENCH_SHARED_DATA)")
    return folder


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


def test_imagenhub_equals_an_independent_computation(
    ratings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code, shown, _ = dreambench(capsys, "correlate", "imagenhub", "--data", ratings, "--out", out, "--json")
    assert code == 0
    found = json.loads(shown)
    table = by_hand(ratings)
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


def test_the_pulled_copy_is_found(ratings: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, error = dreambench(capsys, "correlate", "imagenhub")
    assert code == 2
    assert "dreambench data pull imagenhub" in error
    assert error.count("\n") == 1
    code, told, _ = dreambench(capsys, "data", "pull", "imagenhub", "--from", ratings)
    assert code == 0
    assert "each verified" in told
    assert (ratings_folder() / "Subject-Driven_IG_rater1.tsv").is_file()
    assert dreambench(capsys, "correlate", "imagenhub", "--json")[0] == 0
    damaged = tmp_path / "copy"
    damaged.mkdir()
    for file in ratings.rglob("*"):
        if file.is_file():
            target = damaged / file.relative_to(ratings)
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(file.read_bytes())
    (damaged / "Subject-Driven_IG_rater2.tsv").write_text("uid\tX\n")
    with pytest.raises(DreambenchError, match=r"rater2.tsv: differs from the pinned file"):
        pull_ratings(tmp_path / "to", damaged)
    assert not (tmp_path / "to").exists()


@pytest.fixture
def study(tmp_path: Path) -> tuple[list[Path], Path]:
    """Two runs of one subject and three prompts, and votes that prefer the images of higher DINO."""
    runs = []
    for name, dino in (("ours", (0.7, 0.8, 0.5)), ("theirs", (0.4, 0.3, 0.6))):
        rows = [image_row("ant", i, 0, (d, d + 0.1, 0.3)) for i, d in enumerate(dino)]
        runs.append(make_run(tmp_path / name, rows, subjects=("ant",)).path)
    file = tmp_path / "votes.csv"
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(COLUMNS)
        for prompt, answers in enumerate(("aaa", "aau", "bbu")):
            for rater, answer in enumerate(answers):
                image = f"images/ant/{prompt:02d}-0.png"
                full = {"a": "a", "b": "b", "u": "undecided"}[answer]
                place = ("subject", f"r{rater}", f"p{prompt}", "ant", prompt, image, image)
                writer.writerow([*place, "ours", "theirs", full, 2.5])
    return runs, file


def test_votes_on_ones_own_runs(study: tuple[list[Path], Path], capsys: pytest.CaptureFixture[str]) -> None:
    runs, file = study
    code, shown, _ = dreambench(
        capsys, "correlate", "--scores", runs[0], "--scores", runs[1], "--votes", file, "--json"
    )
    assert code == 0
    found = json.loads(shown)
    assert (found["n"], found["left_out"]) == (6, 0)
    preference = [1, 2.5 / 3, 0.5 / 3, 0, 0.5 / 3, 2.5 / 3]
    dino = next(row for row in found["rows"] if row["metric"] == "dino")
    assert dino["human"] == "subject"
    expected = np.corrcoef([0.7, 0.8, 0.5, 0.4, 0.3, 0.6], preference)[0, 1]
    assert dino["pearson"]["r"] == pytest.approx(expected)
    (table,) = found["preferences"]
    assert table["majority"]["ours"]["count"] == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("subject,r0", "object,r0"), "row 2, column study: 'object' is not valid"),
        (("a,2.5", "perhaps,2.5"), "row 2, column answer: 'perhaps' is not valid"),
        (("a,2.5", "a,soon"), "row 2, column seconds: 'soon' is not valid"),
        (("study,rater", "study,who"), "row 1: no column rater"),
        (("subject,r1,p0", "subject,r0,p0"), "row 3, column rater: 'r0' is not valid"),
    ],
)
def test_votes_that_are_wrong_are_refused_in_one_line(
    study: tuple[list[Path], Path], capsys: pytest.CaptureFixture[str], change: tuple[str, str], told: str
) -> None:
    runs, file = study
    file.write_text(file.read_text().replace(*change, 1))
    with pytest.raises(DreambenchError):
        read_votes(file)
    code, shown, error = dreambench(capsys, "correlate", "--scores", runs[0], "--votes", file)
    assert (code, shown) == (2, "")
    assert told in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--scores", "x.csv"),
        ("--votes", "x.csv"),
        ("imagenhub", "--votes", "x.csv"),
        ("--data", "x"),
        ("imagenhub", "--data", "nowhere"),
        ("--scores", "x.csv", "--votes", "y.csv"),
        ("instagram",),
    ],
)
def test_wrong_words_are_one_line(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    code, shown, error = dreambench(capsys, "correlate", *words)
    assert (code, shown, error.count("\n")) == (2, "", 1)


def test_the_report_shows_a_studys_votes(
    study: tuple[list[Path], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs, file = study
    out = tmp_path / "both"
    assert dreambench(capsys, "report", *runs, "--votes", file, "--out", out)[0] == 0
    page = (out / "index.html").read_text()
    assert "User preference (Table 2)" in page
    assert "66.7% [" in page  # two of three pairs by majority
    file.write_text("study\n")
    code, _, error = dreambench(capsys, "report", *runs, "--votes", file, "--out", tmp_path / "none")
    assert (code, error.count("\n")) == (2, 1)
    assert not (tmp_path / "none").exists()
