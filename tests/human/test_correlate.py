"""`dreambench correlate` from the outside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dreambench.cli import main
from tests.analysis.material import image_row, make_run, make_spec
from tests.human.material import four_pairs, write_votes

pytestmark = pytest.mark.slow

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command in this process, in an empty folder; returns exit code, stdout and stderr."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def call(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["correlate", *map(str, words)])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def study(tmp_path: Path) -> tuple[list[object], Path]:
    """Two runs of four images each, and 12 votes on them in each of the two studies."""
    runs = []
    for name, start in (("ours", 0.5), ("theirs", 0.4)):
        rows = [
            image_row("dog", i, 0, (start + 0.1 * (i % 3), start + 0.01 * i * i, 0.3 - 0.02 * i))
            for i in range(4)
        ]
        make_run(tmp_path / name, rows, spec=make_spec(prompts="0-3", images_per_prompt=1), subjects=["dog"])
        runs.append(tmp_path / name)
    votes = write_votes(tmp_path / "votes.csv", [*four_pairs(), *four_pairs("prompt")])
    return [w for path in runs for w in ("--scores", path)], votes


def test_votes_on_ones_own_runs(run: Run, study: tuple[list[object], Path], tmp_path: Path) -> None:
    scores, votes = study
    code, out, _ = run(*scores, "--votes", votes, "--json", "--out", tmp_path / "out")
    shown = json.loads(out)
    assert (code, shown["n"], shown["left_out"]) == (0, 16, 0)
    assert [(r["metric"], r["human"], r["n"]) for r in shown["rows"]] == [
        (metric, human, 8) for human in ("subject", "prompt") for metric in ("dino", "clip_i", "clip_t")
    ]
    # By hand: preferences 2/3 2/3 1/2 1 and 1/3 1/3 1/2 0, DINO .5 .6 .7 .5 and .4 .5 .6 .4.
    x = [0.5, 0.6, 0.7, 0.5, 0.4, 0.5, 0.6, 0.4]
    y = [2 / 3, 2 / 3, 1 / 2, 1, 1 / 3, 1 / 3, 1 / 2, 0]
    mx, my = sum(x) / 8, sum(y) / 8
    products = [sum((a - ma) * (b - mb) for a, b in zip(u, v, strict=True))
                for u, ma, v, mb in ((x, mx, y, my), (x, mx, x, mx), (y, my, y, my))]  # fmt: skip
    expected = products[0] / (products[1] * products[2]) ** 0.5
    assert shown["rows"][0]["pearson"]["r"] == pytest.approx(expected, abs=1e-9)
    assert set(shown["methods"]) == {"ours", "theirs"}
    assert shown["comparison"]["difference"] == shown["paired"][0]["difference"]
    assert shown["paired"][0]["human"] == "subject"
    assert [p["majority"]["ours"]["count"] for p in shown["preferences"]] == [2, 2]
    assert shown["paper_preferences"]["prompt"]["dreambooth"] == 0.81
    assert "half a vote" in shown["notes"][0]
    assert (tmp_path / "out" / "preferences.csv").is_file()


def test_the_tables_are_on_stdout(run: Run, study: tuple[list[object], Path]) -> None:
    scores, votes = study
    code, out, err = run(*scores, "--votes", votes)
    assert (code, err) == (0, "")
    for words in (
        "votes.csv: 16 images correlated, 0 left out",
        "subject fidelity",
        "Bradley-Terry",
        "50.0%",
    ):
        assert words in out


def test_images_of_a_run_that_is_not_given_are_counted(run: Run, study: tuple[list[object], Path]) -> None:
    scores, votes = study
    shown = json.loads(run(*scores[:2], "--votes", votes, "--json")[1])
    assert (shown["n"], shown["left_out"]) == (8, 8)
    assert shown["left_out_by"] == {"not in the scores: theirs": 8}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "what to correlate is missing"),
        (["--scores", "a.csv"], "--votes is missing"),
        (["--votes", "a.csv"], "--scores is missing"),
        (["--data", "."], "none are named"),
        (["imagenhub", "--votes", "a.csv"], "no --scores, no --votes"),
        (["imagenhub", "--metrics", "dino"], "--preset, --metrics and --set are of photos"),
        (["--scores", "a.csv", "--set", "x=1"], "--preset, --metrics and --set are of photos"),
        (["photos", "--preset", "mini"], "photos writes no files"),
        (["dreambench++", "--data", "."], "dreambench++ writes no files"),
        (["imagenhub"], "dreambench data pull imagenhub"),
        (["imagenhub", "--data", "."], "no ImagenHub ratings"),
        (["somewhere"], "imagenhub"),
        (["--scores", "a.csv", "--votes", "b.csv"], "b.csv cannot be read"),
    ],
)
def test_wrong_words_are_one_line_and_nothing_is_written(run: Run, words: list[str], reason: str) -> None:
    code, out, err = run(*words, "--out", "out")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert reason in err
    assert "Traceback" not in err
    assert not list(Path.cwd().iterdir())


def test_a_bad_vote_leaves_nothing(run: Run, study: tuple[list[object], Path]) -> None:
    scores, votes = study
    votes.write_text(votes.read_text().replace(",undecided,", ",maybe,", 1))
    code, out, err = run(*scores, "--votes", votes, "--out", "out")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "column answer: 'maybe'" in err
    assert not list(Path.cwd().iterdir())


def test_out_that_is_a_file_is_refused_before_anything_is_read(run: Run) -> None:
    Path("out").write_text("mine")
    code, _, err = run("imagenhub", "--out", "out")
    assert (code, err.count("\n")) == (2, 1)
    assert "out is a file" in err


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("subject,r0", "object,r0"), "row 2, column study: 'object' is not valid"),
        (("a,1.5", "perhaps,1.5"), "row 2, column answer: 'perhaps' is not valid"),
        (("a,1.5", "a,soon"), "row 2, column seconds: 'soon' is not valid"),
        (("study,rater", "study,who"), "row 1: no column rater"),
        (("subject,r1,p0", "subject,r0,p0"), "row 3, column rater: 'r0' is not valid"),
    ],
)
def test_votes_that_are_wrong_are_refused_in_one_line(
    run: Run, study: tuple[list[object], Path], change: tuple[str, str], told: str
) -> None:
    scores, votes = study
    votes.write_text(votes.read_text().replace(*change, 1))
    code, out, err = run(*scores, "--votes", votes)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err


def test_the_report_shows_a_studys_votes(
    study: tuple[list[object], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores, votes = study
    runs = [str(word) for word in scores if word != "--scores"]

    def report(out: Path) -> int:
        with pytest.raises(SystemExit) as ended:
            main(["report", *runs, "--votes", str(votes), "--out", str(out)])
        return int(ended.value.code or 0)

    assert report(tmp_path / "both") == 0
    page = (tmp_path / "both" / "index.html").read_text()
    assert "User preference (Table 2)" in page
    assert "50.0% [" in page  # two of four pairs by majority
    votes.write_text("study\n")
    capsys.readouterr()
    assert report(tmp_path / "none") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "none").exists()
