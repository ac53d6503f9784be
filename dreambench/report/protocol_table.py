"""What a method scores under each protocol: the same images, side by side, with the spread per metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dreambench.analysis.protocol_spread import protocol_spreads, scores_by_protocol, unscaled
from dreambench.analysis.summary import Summary
from dreambench.report import numbers
from dreambench.report.inline_svg import draw_mean, draw_svg, row_panels, shift
from dreambench.report.score_figures import DrawnFigure
from dreambench.report.table import Table, TableCell, TableRow, row, score_cell, table
from dreambench.spec.protocols import ProtocolCard, card_of_label
from dreambench.spec.registries import in_table_order
from dreambench.spec.signature import is_miniature

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Under each protocol"
NOTE = (
    "The same images, scored by each protocol on its own scale; in brackets the 95% interval over subjects."
)
SPREAD = "Spread: the highest minus the lowest score of a column, with scales such as x 100 divided out."
SHAPES = "These follow the protocols with the miniature's own encoders; they are not the protocols themselves"


def protocol_table(summary: Summary) -> Table | None:
    """Lay out each run's scores under each protocol; None where there is only one.

    Rows are of the run's group, with its spread last if protocols share a metric. A metric that a protocol
    lacks is absent.
    """
    summaries = summary.protocols
    if not summaries:
        return None
    metrics = protocol_metrics(summaries)
    spreads = protocol_spreads(summaries)
    rows: list[TableRow] = []
    methods = [each.method for each in summary.rows[1:]]
    for position, method in enumerate(methods, start=1):
        named = [method] if len(methods) > 1 else []
        for name, scores in scores_by_protocol(summaries, position).items():
            images = numbers.count(summaries[name].rows[position].n_images)
            cells = [score_cell(scores.get(metric)) for metric in metrics]
            rows.append(row([*named, name, *cells, images], f"run-{position}"))
        last = [
            TableCell(numbers.fixed(spreads[method, m]), style="bold") if (method, m) in spreads else ""
            for m in metrics
        ]
        if any(last):  # protocols may have no metric in common
            rows.append(row([*named, "spread", *last, ""], f"spread-{position}"))
    head = [*(["Method"] if len(methods) > 1 else []), "Protocol", *map(numbers.title, metrics), "Images"]
    notes = [NOTE, SPREAD] if spreads else [NOTE]
    if is_miniature(summary.signature):
        notes.append(f"{SHAPES}.")
    return table(TITLE, head, rows, " ".join(notes), words=len(head) - len(metrics) - 1)


def protocol_metrics(summaries: Mapping[str, Summary]) -> tuple[str, ...]:
    """Return the metrics that any of the protocols has, in table order."""
    return in_table_order(name for each in summaries.values() for name in each.metrics())


def named_signatures(summary: Summary) -> list[tuple[ProtocolCard, str]]:
    """Return what each protocol's file says about it, and the signature of the images' scores by it."""
    return [(card_of_label(name), each.signature) for name, each in summary.protocols.items()]


def protocol_figure(summary: Summary) -> DrawnFigure | None:
    """Draw the scores without the protocols' scales, a panel per metric that two of them have."""
    summaries = summary.protocols
    metrics = [
        m for m in protocol_metrics(summaries) if sum(m in s.metrics() for s in summaries.values()) > 1
    ]
    if not metrics:  # protocols may have none in common
        return None
    names, methods = list(summaries), [each.method for each in summary.rows[1:]]

    def draw(figure: Figure) -> None:
        for metric, axes in row_panels(figure, metrics, names):
            axes.margins(x=0.12)
            for position, method in enumerate(methods):
                for at, (name, scores) in enumerate(scores_by_protocol(summaries, position + 1).items()):
                    if metric in scores:
                        score = unscaled(scores[metric], summaries[name].signature, metric)
                        row_of = at + shift(position, len(methods))
                        draw_mean(axes, score.mean, score.ci95, row_of, position, method)

    caption = "Means of the same images with their 95% intervals over subjects, scales divided out."
    svg = draw_svg((9.6, 1.2 + 0.36 * len(names)), draw, "protocols", "Scores under each protocol")
    return DrawnFigure("protocols", TITLE, caption, svg)
