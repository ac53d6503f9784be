"""The figures of the page: scores by subject, by prompt kind, fidelity against prompt, training loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from dreambench.analysis import RunScores
from dreambench.analysis.paired import mean_interval
from dreambench.analysis.run_scores import shown_metrics
from dreambench.analysis.shared_subjects import spread_of_shared
from dreambench.report.inline_svg import (
    INK,
    color_of,
    draw_mean,
    draw_svg,
    legend_above,
    name_dot,
    row_panels,
    shift,
    short,
    trade_off_panel,
)
from dreambench.report.reproduction_figures import training_points
from dreambench.report.subject_table import has_bound
from dreambench.spec.metric import SCORE_TABLES
from dreambench.spec.registries import get_metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 9.6  # inches
NAMED = 12  # subjects; with more of them, the names beside the dots would overlap
POINTS = 80  # of a loss curve: what a figure can show
TERMS = {"photo": "on the subject's photos", "prior": "on the class images"}


@dataclass(frozen=True)
class DrawnFigure:
    """A figure with its title and what it shows; ``svg`` is one element of our own making."""

    name: str
    title: str
    caption: str
    svg: Markup


def score_figures(scored: Sequence[RunScores]) -> list[DrawnFigure]:
    """Draw every figure for which the runs have scores."""
    metrics = shown_metrics(scored)
    figures = []
    if metrics:
        figures.append(_by_subject(scored, metrics))
    if kinds := _kinds(scored):
        figures.append(_by_kind(scored, kinds))
    if {"dino", "clip_t"} <= set(metrics):
        figures.append(_trade_off(scored))
        if figure := _along_training(scored):
            figures.append(figure)
    if any(len(losses_of(run)) for run in scored):
        caption = "The median over subjects, in a band from the 10th to the 90th percentile."
        svg = draw_svg(
            (WIDTH, 3.0), lambda figure: draw_losses(figure, scored), "loss", "Training loss by step"
        )
        figures.append(DrawnFigure("loss", "Training loss", caption, svg))
    return figures


def _by_subject(scored: Sequence[RunScores], metrics: Sequence[str]) -> DrawnFigure:
    names = list(dict.fromkeys(name for run in scored for name in run.record.subjects))
    bounded = has_bound(scored[0])

    def draw(figure: Figure) -> None:
        for metric, axes in row_panels(figure, metrics, names):
            axes.set_axisbelow(True)
            for position, run in enumerate(scored):
                if metric not in run.subjects:
                    continue
                rows = [names.index(name) + shift(position, len(scored)) for name in run.subjects.index]
                axes.plot(run.subjects[metric], rows, "o", color=color_of(position), ms=5, label=run.label)
                if metric in run.photos and position == 0 and bounded:
                    ticks = [names.index(name) for name in run.photos.index]
                    axes.plot(
                        run.photos[metric], ticks, "|", color=INK, ms=9, mew=1.4, label="photos (bound)"
                    )

    caption = "Each subject's mean over its images."
    if bounded:
        caption += " The tick is the bound: the subject's photos against each other."
    size = (WIDTH, 0.9 + 0.23 * max(4, len(names)))
    shown = "Scores of every subject" + (" beside the bound of its photos" if bounded else "")
    svg = draw_svg(size, draw, "by-subject", shown)
    return DrawnFigure("by-subject", "By subject", caption, svg)


def _kinds(scored: Sequence[RunScores]) -> list[str]:
    kinds = [str(kind) for run in scored for kind in run.tables.images["kind"].dropna()]
    return list(dict.fromkeys(kinds)) if metrics_of_images(scored) else []


def metrics_of_images(scored: Sequence[RunScores]) -> list[str]:
    """Return the metrics that single images have a score by."""
    images = SCORE_TABLES["images"]
    return [name for name in shown_metrics(scored) if get_metric(name).compares in images]


def _by_kind(scored: Sequence[RunScores], kinds: Sequence[str]) -> DrawnFigure:
    intervals: list[tuple[float, float] | None] = []

    def draw(figure: Figure) -> None:
        for metric, axes in row_panels(figure, metrics_of_images(scored), kinds):
            axes.margins(x=0.12)
            for position, run in enumerate(scored):
                for row, kind in enumerate(kinds if metric in run.tables.images else ()):
                    images = run.tables.images[run.tables.images["kind"] == kind]
                    means = images.groupby("subject")[metric].mean()
                    at = row + shift(position, len(scored))
                    intervals.append(mean_interval(spread_of_shared(means, run.pairs)))
                    draw_mean(axes, means.mean(), intervals[-1], at, position, run.label)

    svg = draw_svg((WIDTH, 1.2 + 0.42 * len(kinds)), draw, "by-kind", "Scores of every kind of prompt")
    interval = " with its 95% interval" if any(intervals) else ""
    over = "pairs of subjects" if any(run.pairs for run in scored) else "subjects"
    caption = f"Mean over {over}{interval}, by what the prompt asks for."
    return DrawnFigure("by-kind", "By kind of prompt", caption, svg)


def _along_training(scored: Sequence[RunScores]) -> DrawnFigure | None:
    """Draw a line per method through the runs that stopped at several steps of its training."""
    runs = [run for run in scored if {"dino", "clip_t"} <= set(run.subjects.columns)]
    lines = {
        method: found for method, found in training_points(runs).items() if len({s for s, *_ in found}) > 1
    }
    if not lines:
        return None

    def draw(figure: Figure) -> None:
        axes = trade_off_panel(figure)
        for position, (method, found) in enumerate(lines.items()):
            steps, dino, clip_t = zip(*found, strict=True)
            axes.plot(clip_t, dino, "o-", color=color_of(position), ms=5, lw=1.4, label=method)
            for step, x, y in zip(steps, clip_t, dino, strict=True):
                name_dot(axes, str(step), x, y)
        legend_above(figure, [axes])

    caption = (
        "Means over subjects of runs that stopped at these steps. Choose the step whose trade-off suits you."
    )
    svg = draw_svg((WIDTH, 4.2), draw, "along-training", "Fidelity against prompt following along training")
    return DrawnFigure("along-training", "Along training", caption, svg)


def _trade_off(scored: Sequence[RunScores]) -> DrawnFigure:
    def draw(figure: Figure) -> None:
        axes = trade_off_panel(figure)
        for position, run in enumerate(scored):
            pairs = run.subjects[["clip_t", "dino"]].dropna()
            axes.plot(pairs["clip_t"], pairs["dino"], "o", color=color_of(position), ms=6, label=run.label)
            for name, x, y in pairs.itertuples() if len(scored) == 1 and len(pairs) <= NAMED else ():
                name_dot(axes, short(str(name)), x, y)
        legend_above(figure, [axes])

    caption = (
        "One dot per subject. Up is more like the subject, right is more like the prompt; "
        "methods trade one for the other."
    )
    svg = draw_svg((6.2, 4.0), draw, "trade-off", "DINO against CLIP-T, one dot per subject")
    return DrawnFigure("trade-off", "Subject against prompt", caption, svg)


def losses_of(run: RunScores) -> pd.DataFrame:
    """Return the loss logs of all subjects of a run: subject, step, photo, prior, total.

    A run that trains nothing, or whose images were made elsewhere, has none: an empty frame.
    """
    logs = {name: run.folder.losses(name) for name in run.record.subjects}
    known = [log.assign(subject=name) for name, log in logs.items() if {"step", *TERMS} <= set(log.columns)]
    return pd.concat(known, ignore_index=True) if known else pd.DataFrame()


def draw_losses(figure: Figure, scored: Sequence[RunScores]) -> None:
    """Draw one panel per term of the loss; a term that is always zero was not used and has no panel."""
    logs = [(position, run.label, losses_of(run)) for position, run in enumerate(scored)]
    terms = [term for term in TERMS if any(len(log) and log[term].abs().max() > 0 for _, _, log in logs)]
    panels = figure.subplots(1, max(1, len(terms)), squeeze=False)[0]
    for term, axes in zip(terms, panels, strict=False):
        for position, label, log in logs:
            if len(log):
                band = _binned(log, term)
                color = color_of(position)
                axes.fill_between(band.index, band["low"], band["high"], color=color, alpha=0.18, lw=0)
                axes.plot(band.index, band["middle"], color=color, lw=1.5, label=label)
        axes.set_title(TERMS[term].capitalize(), loc="left")
        axes.set_xlabel("step")
        axes.set_ylim(bottom=0)
    if terms:
        legend_above(figure, panels[:1])


def _binned(log: pd.DataFrame, term: str) -> pd.DataFrame:
    """Return low, middle and high over subjects, each subject's steps averaged in ``POINTS`` bins."""
    width = max(1, -(-int(log["step"].max()) // POINTS))
    middle_of_bin = (log["step"] - 1) // width * width + (width + 1) / 2
    by_subject = log.groupby([middle_of_bin, log["subject"]])[term].mean()
    bins, shares = by_subject.groupby(level=0), {"low": 0.1, "middle": 0.5, "high": 0.9}
    return pd.DataFrame({name: bins.quantile(share) for name, share in shares.items()})
