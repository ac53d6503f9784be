"""The headline table: the photos' bound, our rows, the paper's rows; the one source of every format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dreambench.analysis.summary import Row, Score, Summary
from dreambench.literature.published import comparable_with_paper, published
from dreambench.report import numbers
from dreambench.spec.registries import standard_metrics

REAL_LABEL = "Real images"


@dataclass(frozen=True)
class HeadlineCell:
    """One score as text: mean, interval, and the paper's number with our difference from it."""

    mean: str
    interval: str = ""
    paper: str = ""
    difference: str = ""


@dataclass(frozen=True)
class HeadlineRow:
    """One row: the real photos, a run, or a row quoted from the paper."""

    label: str
    source: Literal["real", "run", "paper"]
    n_images: int | None
    cells: tuple[HeadlineCell, ...]


@dataclass(frozen=True)
class Headline:
    """The table: ``metrics`` are the columns that have a number in any of our rows, in a fixed order."""

    metrics: tuple[str, ...]
    rows: tuple[HeadlineRow, ...]

    @property
    def ours(self) -> tuple[HeadlineRow, ...]:
        """The real photos and the runs."""
        return tuple(row for row in self.rows if row.source != "paper")

    @property
    def has_differences(self) -> bool:
        """Whether any of our scores has the paper's number beside it."""
        return any(cell.paper for row in self.ours for cell in row.cells)

    @property
    def papers(self) -> tuple[HeadlineRow, ...]:
        """The rows quoted from the paper; none for images that do not compare with it."""
        return tuple(row for row in self.rows if row.source == "paper")


def headline(summary: Summary) -> Headline:
    """Lay a summary out as the paper's Table 1."""
    metrics = summary.metrics() or standard_metrics()[:3]
    ours = [_row(row, metrics, is_real=i == 0) for i, row in enumerate(summary.rows)]
    return Headline(metrics, (*ours, *_paper_rows(summary, metrics)))


def _row(row: Row, metrics: tuple[str, ...], is_real: bool) -> HeadlineRow:
    return HeadlineRow(
        label=REAL_LABEL if is_real else row.method,
        source="real" if is_real else "run",
        n_images=row.n_images,
        cells=tuple(_cell(row.score(metric)) for metric in metrics),
    )


def _cell(score: Score | None) -> HeadlineCell:
    if score is None:
        return HeadlineCell(numbers.ABSENT)
    mean, ci95 = numbers.fixed(score.mean), numbers.interval(score.ci95)
    if score.paper is None:
        return HeadlineCell(mean, ci95)
    return HeadlineCell(mean, ci95, numbers.fixed(score.paper), numbers.signed(score.mean - score.paper))


def _paper_rows(summary: Summary, metrics: tuple[str, ...]) -> list[HeadlineRow]:
    if not comparable_with_paper(summary.signature):
        return []
    return [
        HeadlineRow(
            label=row.label,
            source="paper",
            n_images=None,
            cells=tuple(HeadlineCell(numbers.fixed(row.values.get(m))) for m in metrics),
        )
        for row in published().table(1).rows
    ]
