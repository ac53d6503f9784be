"""The figures of a correlation analysis: scatter plots with regression lines, and bars with intervals."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dreambench.human.correlation import Correlations, RatedImages, Scope
from dreambench.report import numbers
from dreambench.report.correlation.correlation_tables import human_title
from dreambench.spec.registries import get_metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colors, which people with any color vision can distinguish.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8c8c8c", "#000000")
FORMATS = ("png", "pdf")
#: What the figures show, by the names of their files.
CAPTIONS = {
    "correlations": "Pearson's correlation with the raters, with 95% intervals; the black line is one rater "
    "against the mean of the others.",
    "scatter": "Every image: its score by a metric against the raters' mean, with the least-squares line.",
}
_INK = "#1b1e23"
_SEED = 0


def figure_files(found: Correlations, judged: Sequence[RatedImages]) -> dict[str, bytes]:
    """Return the content of each figure by file name: ``scatter`` and ``correlations``, PNG and PDF.

    ``judged`` are the images behind ``found``. Without a single correlated image there is no figure.
    """
    shown = [some.only_complete() for some in judged]
    shown = [some for some in shown if len(some.images)]
    if not shown:
        return {}
    drawn = {"scatter": scatter(shown), "correlations": bars(found)}
    return {f"{name}.{form}": _render(figure, form) for name, figure in drawn.items() for form in FORMATS}


def _render(figure: Figure, form: str) -> bytes:
    buffer = io.BytesIO()
    # Without a date, the same numbers give the same file.
    metadata = {"CreationDate": None} if form == "pdf" else None
    figure.savefig(buffer, format=form, dpi=150, metadata=metadata)
    return buffer.getvalue()


def scatter(judged: Sequence[RatedImages]) -> Figure:
    """Draw every image: a row per human score, a column per metric, a color per method.

    Human scores take few values, so the points are jittered vertically (by a fixed seed); the line is
    the least-squares fit to the values themselves.
    """
    from matplotlib.figure import Figure

    panels = [(some, human) for some in judged for human in some.humans]
    metrics = judged[0].metrics
    names = sorted({name for some in judged for name in some.methods})
    figure = Figure(figsize=(3.9 * len(metrics), 2.9 * len(panels) + 0.5), layout="constrained")
    grid = figure.subplots(len(panels), len(metrics), squeeze=False, sharex="col", sharey="row")
    for line, (some, human) in zip(grid, panels, strict=True):
        for axes, metric in zip(line, metrics, strict=True):
            _scatter_panel(axes, some, metric, human, names)
        line[0].set_ylabel(human_title(human))
    for axes, metric in zip(grid[-1], metrics, strict=True):
        axes.set_xlabel(get_metric(metric).title)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(4, len(labels)), frameon=False)
    return figure


def _scatter_panel(axes: Axes, judged: RatedImages, metric: str, human: str, names: list[str]) -> None:
    x, y = judged.values(metric), judged.values(human)
    jitter = np.random.default_rng(_SEED).uniform(-0.03, 0.03, len(y)) * max(np.ptp(y), 1e-9)
    method = judged.images["method"].to_numpy()
    for number, name in enumerate(names):
        some = method == name
        color = COLORS[number % len(COLORS)]
        axes.scatter(x[some], (y + jitter)[some], s=9, alpha=0.55, linewidths=0, color=color, label=name)
    if np.ptp(x) > 0:
        slope, intercept = np.polyfit(x, y, 1)
        ends = np.array([np.min(x), np.max(x)])
        axes.plot(ends, slope * ends + intercept, color=_INK, linewidth=1.6)
    r = np.corrcoef(x, y)[0, 1] if np.ptp(x) > 0 and np.ptp(y) > 0 else np.nan
    axes.set_title(f"r = {numbers.fixed(float(r))}, n = {len(x):,}", fontsize=9)
    _plain(axes)


def bars(found: Correlations) -> Figure:
    """Draw Pearson correlations with their bootstrap intervals: a panel for all methods and for each.

    The short black line is one rater against the mean of the others.
    """
    from matplotlib.figure import Figure

    scopes = [("all methods pooled", found), *found.methods.items()]
    scopes = [(name, scope) for name, scope in scopes if scope.rows]
    columns = min(3, len(scopes))
    rows = -(-len(scopes) // columns)
    wide = 0.9 + 0.45 * len(found.humans) * (len(found.metrics) + 1)
    figure = Figure(figsize=(max(3.2, wide) * columns, 2.8 * rows + 0.5), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes, (name, scope) in zip(grid, scopes, strict=False):
        _bar_panel(axes, scope, found.metrics, found.humans)
        axes.set_title(f"{name} (n = {scope.n:,})", fontsize=9)
    for axes in grid[len(scopes) :]:
        axes.set_visible(False)
    for axes in grid[::columns]:
        axes.set_ylabel("Pearson's r")
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    return figure


def _bar_panel(axes: Axes, scope: Scope, metrics: Sequence[str], humans: Sequence[str]) -> None:
    width = 0.8 / len(metrics)
    found = {(row.metric, row.human): row.pearson for row in scope.rows}
    for number, metric in enumerate(metrics):
        label: str | None = get_metric(metric).title
        for place, human in enumerate(humans):
            pearson = found.get((metric, human))
            if pearson is None or pearson.r is None:
                continue
            at = place - 0.4 + width * (number + 0.5)
            axes.bar(at, pearson.r, width * 0.92, color=COLORS[number], label=label)
            label = None
            if pearson.ci95_bootstrap:
                low, high = pearson.ci95_bootstrap
                error = [[max(pearson.r - low, 0)], [max(high - pearson.r, 0)]]
                axes.errorbar(at, pearson.r, yerr=error, color=_INK, capsize=2.5, linewidth=1)
    reach = [(humans.index(b.human), b.pearson) for b in scope.upper_bound if b.pearson is not None]
    if reach:
        places = np.array([place for place, _ in reach])
        heights, label = [height for _, height in reach], "one rater against the others"
        axes.hlines(heights, places - 0.44, places + 0.44, color=_INK, linewidth=1.8, label=label)
    axes.axhline(0, color=_INK, linewidth=0.8)
    axes.set_xticks(range(len(humans)), [human_title(human) for human in humans])
    axes.set_xlim(-0.6, len(humans) - 0.4)
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
