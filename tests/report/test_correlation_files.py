"""The files of a correlation analysis: formats that agree, escaped names, real pictures."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from dreambench.human.correlation import Correlations, RatedImages, correlate
from dreambench.human.correlation.results import Preference, Share, Strength
from dreambench.report.correlation import terminal, write_correlation
from dreambench.report.correlation.correlation_tables import correlation_tables

FIGURES = {"scatter.png", "scatter.pdf", "correlations.png", "correlations.pdf"}
TABLES = {
    "correlation.html",
    "correlation.json",
    "correlation.md",
    "correlation.tex",
    "correlations.csv",
    "paired_tests.csv",
}
NASTY = "[red]a|b_50%"


def _judged(n: int = 40) -> RatedImages:
    rng = np.random.default_rng(0)
    quality = rng.normal(size=n)
    ratings = np.clip(np.round(quality[:, None] + rng.normal(size=(n, 3))), -1, 1) / 2 + 0.5
    images = pd.DataFrame(
        {
            "sample": [f"s{i // 2}" for i in range(n)],
            "method": ["A", NASTY] * (n // 2),
            "dino": quality + rng.normal(size=n) / 2,
            "clip_i": quality + 3 * rng.normal(size=n),
            "sc": ratings.mean(axis=1),
        }
    )
    return RatedImages(images, ("dino", "clip_i"), ("sc",), ("r1", "r2", "r3"), {"sc": ratings})


@pytest.fixture(scope="module")
def judged() -> RatedImages:
    return _judged()


@pytest.fixture(scope="module")
def found(judged: RatedImages) -> Correlations:
    share = Share(share=0.5, count=2, of=4, ci95=(0.15, 0.85))
    three = {"A": share, NASTY: share, "undecided": share}
    row = Preference(
        study="subject", method_a="A", method_b=NASTY, pairs=4, raters=3, majority=three, answers=three,
        win_rate=share,
    )  # fmt: skip
    added = {
        "preferences": (row,),
        "strengths": (Strength(study="subject", method="A", strength=0.4, ci95=(0.1, 0.7)),),
        "paper_preferences": {"subject": {"dreambooth": 0.68, "textual_inversion": 0.22, "undecided": 0.1}},
    }
    return correlate([judged], "made up").model_copy(update=added)


@pytest.fixture(scope="module")
def out(found: Correlations, judged: RatedImages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_correlation(found, [judged], tmp_path_factory.mktemp("report") / "deep" / "out")


def test_every_file_is_there_and_nothing_else(out: Path) -> None:
    others = {"agreement.csv", "upper_bound.csv", "preferences.csv", "strengths.csv"}
    assert {path.name for path in out.iterdir()} == FIGURES | TABLES | others


def test_json_is_the_contracts(out: Path, found: Correlations) -> None:
    shown = json.loads((out / "correlation.json").read_text(encoding="utf-8"))
    assert (shown["n"], shown["left_out"]) == (40, 0)
    row = shown["rows"][0]
    assert (row["metric"], row["human"]) == ("dino", "sc")
    assert {"r", "p", "ci95"} <= row["pearson"].keys()
    assert {"r", "p"} <= row["spearman"].keys() & row["kendall"].keys()
    assert len(row["pearson"]["ci95"]) == 2
    assert Correlations.model_validate(shown) == found


def test_csv_has_full_precision_and_one_line_per_coefficient(out: Path, found: Correlations) -> None:
    lines = list(csv.DictReader(io.StringIO((out / "correlations.csv").read_text(encoding="utf-8"))))
    assert len(lines) == 3 * 2 * 3  # pooled and two methods, two metrics, three coefficients
    assert float(lines[0]["r"]) == found.rows[0].pearson.r
    assert (float(lines[0]["low_bootstrap"]), float(lines[0]["high_bootstrap"])) == (
        found.rows[0].pearson.ci95_bootstrap
    )
    assert {line["images"] for line in lines} == {"pooled", "A", NASTY}
    preferences = next(csv.DictReader(io.StringIO((out / "preferences.csv").read_text(encoding="utf-8"))))
    assert preferences["majority.A.share"] == "0.5"
    assert preferences["majority.A.ci95_high"] == "0.85"


def test_markdown_rows_are_whole_and_names_escaped(out: Path, found: Correlations) -> None:
    text = (out / "correlation.md").read_text(encoding="utf-8")
    r = found.rows[0].pearson.r
    assert r is not None
    assert f"| semantic consistency | DINO | 40 | {r:.3f} |" in text
    assert r"\[red\]a\|b\_50%" in text
    tables = re.findall(r"(?:^\|.*\n)+", text, flags=re.M)
    assert len(tables) == len(correlation_tables(found))
    for table in tables:
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(columns) == 1


def test_latex_is_escaped_and_balanced(out: Path) -> None:
    text = (out / "correlation.tex").read_text(encoding="utf-8")
    assert r"a\textbar{}b\_50\%" in text
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") > 0
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert all(row.count("{") == row.count("}") for row in rows)
    assert "\N{MINUS SIGN}" not in text


def test_terminal_interprets_no_markup_and_quotes_the_paper(found: Correlations) -> None:
    console = Console(file=io.StringIO(), width=300)
    console.print(terminal(found))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert NASTY in shown
    assert re.search(r"DreamBooth, paper +Textual Inversion, paper +600 +68% +22% +10%", shown)
    assert re.search(r"0\.320\n", shown)  # the paper's Pearson beside SC


def test_figures_are_pictures_and_the_same_twice(
    out: Path, found: Correlations, judged: RatedImages, tmp_path: Path
):
    for name in ("scatter.png", "correlations.png"):
        with Image.open(out / name) as picture:
            assert min(picture.size) > 300
            colors = picture.convert("RGB").getcolors(1 << 24)
            assert colors is not None
            assert len(colors) > 50  # something is drawn
    again = write_correlation(found, [judged], tmp_path / "again")
    for name in FIGURES:
        assert (again / name).read_bytes() == (out / name).read_bytes(), name


def test_images_too_few_to_correlate_still_make_a_report(tmp_path: Path) -> None:
    few = _judged(2)
    found = correlate([few], "two images")
    assert found.rows[0].pearson.r is None
    written = write_correlation(found, [few], tmp_path / "out")
    assert "–" in (written / "correlation.md").read_text(encoding="utf-8")  # noqa: RUF001
    few.images["dino"] = np.nan
    nothing = correlate([few], "no scores")
    assert (nothing.n, nothing.rows) == (0, ())
    names = {path.name for path in write_correlation(nothing, [few], tmp_path / "none").iterdir()}
    assert not names & FIGURES
