"""The numbers in the figures of an ablation and of a reproduction, and the claims' columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dreambench.analysis import read_run_scores
from dreambench.analysis.ablation_summary import summarize_ablation
from dreambench.analysis.paired import mean_interval
from dreambench.analysis.verdicts import ClaimVerdict
from dreambench.literature.ablations import ablation
from dreambench.report import ablation_tables, reproduction_figures
from dreambench.report.claims_table import claims_table, verdicts_markdown
from tests.analysis.material import image_row, make_run

CLAIMS = (
    ClaimVerdict(
        id="a", statement="one (of two)", where="Table 1", verdict="holds", decided_by="runs", paper=0.2,
        effect=0.125, ci95=(0.1, 0.15), p=0.004, p_holm=0.016, n=12, seeds=3,
    ),
    ClaimVerdict(id="b", statement="no runs", where="section 4", verdict="undecided", decided_by="runs"),
    ClaimVerdict(
        id="c", statement="by photos", where="Table 2", verdict="fails", decided_by="photos alone",
        effect=-0.25, ci95=(-0.75, 0.125), p=0.5, p_holm=0.75, n=30,
    ),
)  # fmt: skip


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were drawn, before they are SVG."""
    found: list[Figure] = []

    def keep(size: tuple[float, float], draw: Any, settings: Any) -> str:
        found.append(Figure(figsize=size))
        draw(found[-1])
        return ""

    for module in (ablation_tables, reproduction_figures):
        monkeypatch.setattr(module, "svg_text", keep)
    return found


def lines(axes: Axes, marker: str) -> list[tuple[list[float], list[float]]]:
    """Return x and y of the lines with a marker ("None" for lines alone) that have a point."""
    found = [line for line in axes.lines if line.get_marker() == marker and len(line.get_xdata())]
    return [(list(line.get_xdata()), pytest.approx(list(line.get_ydata()))) for line in found]


def test_an_ablation_has_a_line_of_each_subject_and_the_mean_with_its_interval(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    scores = {"with": (0.1, 0.2, 0.4, 0.7), "without": (0.2, 0.2, 0.3, 0.5)}
    runs = [
        make_run(
            tmp_path / variant,
            [image_row(s, 0, 0, (dino, 0.9 - dino, 0.3)) for s, dino in zip("abcd", own, strict=True)],
            subjects="abcd",
        )
        for variant, own in scores.items()
    ]
    variants = dict(zip(scores, read_run_scores(runs), strict=True))
    ablation_tables.ablation_figure(summarize_ablation(ablation("prior-preservation"), variants))
    dino, clip_i, _ = drawn[0].axes
    assert (dino.get_title()[:4], clip_i.get_title()[:6]) == ("DINO", "CLIP-I")
    both = list(scores)
    subjects = [line for line in dino.lines if line.get_color() == "0.75"]
    assert [tuple(line.get_ydata()) for line in subjects] == list(zip(*scores.values(), strict=True))
    of_a = next(line for line in clip_i.lines if line.get_color() == "0.75")
    assert list(of_a.get_ydata()) == pytest.approx([0.8, 0.7])
    assert lines(dino, "o") == [(both, [0.35, 0.3])]
    assert lines(clip_i, "o") == [(both, [0.55, 0.6])]
    bars = [tuple(segment[:, 1]) for segment in dino.collections[0].get_segments()]
    for bar, own in zip(bars, scores.values(), strict=True):
        assert bar == pytest.approx(mean_interval(own))


def test_a_claims_effect_its_interval_and_the_papers_are_in_its_row(
    tmp_path: Path, drawn: list[Figure]
) -> None:
    reproduction_figures.draw_effects(CLAIMS, tmp_path / "effects.svg")
    (axes,) = drawn[0].axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["one", "by photos"]
    assert lines(axes, "o") == [([0.125], [0]), ([-0.25], [1])]
    assert lines(axes, "D") == [([0.2], [0])]
    assert lines(axes, "None")[1:] == [([0.1, 0.15], [0, 0]), ([-0.75, 0.125], [1, 1])]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    colors = {dot.get_label(): dot.get_color() for dot in dots if not len(dot.get_xdata())}
    assert [dot.get_color() for dot in dots if len(dot.get_xdata())] == [colors["holds"], colors["fails"]]


def test_training_has_dino_across_and_clip_t_up(tmp_path: Path, drawn: list[Figure]) -> None:
    points = {"lora": [(20, 0.3, 0.35), (80, 0.6, 0.25)]}
    reproduction_figures.draw_training(points, tmp_path / "training.svg")
    (axes,) = drawn[0].axes
    assert axes.get_xlabel().startswith("DINO")
    assert lines(axes, "o") == [([0.3, 0.6], [0.35, 0.25])]
    assert {note.get_text(): note.xy for note in axes.texts} == {"20": (0.3, 0.35), "80": (0.6, 0.25)}


def test_a_claims_numbers_are_in_their_columns() -> None:
    content = claims_table(CLAIMS)
    shown = [dict(zip(content.head, (cell.text for cell in row.cells), strict=True)) for row in content.rows]
    assert shown[0] == {
        "claim": "one (of two)", "paper": "Table 1", "verdict": "holds", "effect": "+0.125",
        "95% interval": "[0.100, 0.150]", "p (Holm)": "0.016", "n": "12", "seeds": "3", "decided by": "runs",
    }  # fmt: skip
    assert [row["effect"] for row in shown] == ["+0.125", "", "\N{MINUS SIGN}0.250"]
    assert [row["p (Holm)"] for row in shown] == ["0.016", "", "0.750"]
    rows = [line.split(" | ") for line in verdicts_markdown(CLAIMS).splitlines()[2:]]
    assert [row[0].removeprefix("| ") for row in rows] == [
        r"one (of two) (Table 1)",
        "no runs (section 4)",
        "by photos (Table 2)",
    ]
    assert rows[0][1:4] == ["+0.200", "+0.125 [0.100, 0.150]", "holds"]
