"""An ablation's figure: a line per subject from variant to variant, the mean with its interval on top."""

from __future__ import annotations

from pathlib import Path

from dreambench.analysis.ablation_summary import AblationSummary
from dreambench.report import numbers
from dreambench.report.ablation_tables import metrics_of
from dreambench.store.files import write_atomically


def write_figure(summary: AblationSummary, file: Path) -> None:
    """Write the figure as SVG, one panel per metric."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    metrics = metrics_of(summary)
    figure = Figure(figsize=(2.6 * len(metrics), 3.2), layout="constrained")
    FigureCanvasSVG(figure)
    variants = list(summary.subjects)
    for position, metric in enumerate(metrics):
        axes = figure.add_subplot(1, len(metrics), position + 1)
        for subject in summary.subjects[variants[0]]:
            line = [summary.subjects[v][subject].score(metric) for v in variants]
            axes.plot(variants, [float("nan") if x is None else x for x in line], color="0.75", lw=0.8)
        scores = [row.score(metric) for row in summary.rows]
        means = [s.mean if s else float("nan") for s in scores]
        low = [m - s.ci95[0] if s and s.ci95 else 0 for m, s in zip(means, scores, strict=True)]
        high = [s.ci95[1] - m if s and s.ci95 else 0 for m, s in zip(means, scores, strict=True)]
        axes.errorbar(variants, means, yerr=[low, high], color="tab:blue", marker="o", capsize=3)
        axes.set_title(numbers.title(metric))
        axes.margins(x=0.15)
    figure.suptitle(summary.title)
    write_atomically(file, lambda temporary: figure.savefig(temporary, format="svg", metadata={"Date": None}))
