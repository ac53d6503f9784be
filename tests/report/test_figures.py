"""The figures: drawn where there are scores, the same bytes every time, in the page's own colors."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from dreambench.analysis import read_run_scores
from dreambench.analysis.ablation_summary import summarize_ablation
from dreambench.literature.ablations import ablation
from dreambench.report.ablation_tables import ablation_figure
from dreambench.report.score_figures import DrawnFigure, score_figures
from dreambench.store import RunFolder
from tests.analysis.material import image_row, make_run, two_subjects, two_subjects_tables

EVIL = "<b onclick=alert(1)>$x^2$</b>"


def figures_of(run: RunFolder) -> dict[str, DrawnFigure]:
    return {figure.name: figure for figure in score_figures(read_run_scores([run]))}


def with_losses(run: RunFolder, prior: float) -> RunFolder:
    steps = range(1, 201)
    frame = pd.DataFrame({"step": steps, "photo": [1 / s for s in steps], "prior": prior, "total": 1.0})
    run.loss_file("ant").parent.mkdir()
    frame.to_csv(run.loss_file("ant"), index=False)
    return run


def test_what_has_scores_is_drawn_the_same_every_time(run: RunFolder) -> None:
    first, second = figures_of(run), figures_of(run)
    assert list(first) == ["by-subject", "by-kind", "trade-off"]
    assert first == second
    drawn = first["by-subject"].svg
    for text in ("ant", "bee", "photos (bound)", "DINO \N{UPWARDS ARROW}", "DIV \N{UPWARDS ARROW}"):
        assert text in drawn


def test_the_caption_promises_intervals_only_where_some_are_drawn(tmp_path: Path) -> None:
    captions = []
    for count in (2, 6):
        names = [f"s{number}" for number in range(count)]
        rows = [image_row(name, 0, 0, (0.1 + 0.1 * i, 0.2, 0.3)) for i, name in enumerate(names)]
        captions.append(figures_of(make_run(tmp_path / str(count), rows, subjects=names))["by-kind"].caption)
    assert captions[0].startswith("Mean over subjects, by what")
    assert captions[1].startswith("Mean over subjects with its 95% interval, by what")


def test_an_ablation_s_figure_is_the_same_every_time(run: RunFolder, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", two_subjects(), tables=two_subjects_tables())
    variants = dict(zip(("with", "without"), read_run_scores([run, other]), strict=True))
    summary = summarize_ablation(ablation("prior-preservation"), variants)
    assert ablation_figure(summary) == ablation_figure(summary)


def test_a_run_without_scores_has_no_figures(tmp_path: Path) -> None:
    assert figures_of(make_run(tmp_path / "run", [])) == {}


def test_colors_are_the_page_s_and_ids_do_not_meet(run: RunFolder) -> None:
    figures = figures_of(with_losses(run, 0.1)).values()
    ids = [name for figure in figures for name in re.findall(r' id="([^"]*)"', figure.svg)]
    assert len(ids) == len(set(ids))
    for figure in figures:
        assert re.search(r"#[0-9a-f]{6}\b", figure.svg) is None
        assert {name.removeprefix("url(#") for name in re.findall(r"url\(#[^)]*", figure.svg)} <= set(ids)


def test_the_loss_has_a_panel_per_term_that_was_trained_with(tmp_path: Path) -> None:
    both = with_losses(make_run(tmp_path / "both", two_subjects()), 0.1)
    alone = with_losses(make_run(tmp_path / "alone", two_subjects()), 0.0)
    assert "On the class images" in figures_of(both)["loss"].svg
    assert "On the class images" not in figures_of(alone)["loss"].svg


def test_the_legend_of_runs_with_long_names_is_not_cut(tmp_path: Path) -> None:
    names = [f"a-run-with-a-name-that-is-long-{number}" for number in range(3)]
    scored = read_run_scores([make_run(tmp_path / name, two_subjects()) for name in names])
    (figure,) = (each for each in score_figures(scored) if each.name == "trade-off")
    width = float(re.search(r'viewBox="0 0 ([\d.]+)', figure.svg)[1])  # type: ignore[index]
    places = re.findall(r' x="([\d.]+)"[^>]*>(a-run[^<]*)<', figure.svg)
    assert [name for _, name in places] == names
    assert all(float(x) + 5 * len(name) < width for x, name in places)  # a character is 5 points wide


def test_names_are_text(tmp_path: Path) -> None:
    rows = [image_row(EVIL, 0, 0, (0.1, 0.2, 0.3), kind=EVIL), image_row("ant", 0, 0, (0.2, 0.3, 0.3))]
    run = make_run(tmp_path / "run", rows, subjects=[EVIL, "ant"], tables=two_subjects_tables(), name=EVIL)
    figures = figures_of(run).values()
    assert figures
    for figure in figures:
        tree = ElementTree.fromstring(figure.svg.replace("xlink:href", "href"))
        assert {element.tag for element in tree.iter()} <= {
            "svg",
            "g",
            "path",
            "defs",
            "use",
            "text",
            "clipPath",
            "rect",
        }
        assert any("$x^2$" in (element.text or "") for element in tree.iter("text"))
