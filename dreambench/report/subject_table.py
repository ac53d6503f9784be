"""The table of subjects: each run's scores beside the bound that the subject's own photos set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dreambench.analysis import RunScores
from dreambench.analysis.run_scores import shown_metrics
from dreambench.report import numbers
from dreambench.report.subject_grids import SubjectGrid
from dreambench.spec.registries import standard_metrics


@dataclass(frozen=True)
class SubjectRow:
    """One subject in one run; ``scores`` are (text, bound's text) in the table's order of metrics.

    ``ours`` and ``bound`` (the photos') are DINO without the protocol's scale, on a line from 0 to 1, in
    percent of its length.
    """

    name: str
    anchor: str
    class_noun: str
    run: str
    scores: tuple[tuple[str, str], ...]
    ours: float | None
    bound: float | None
    images: str


@dataclass(frozen=True)
class SubjectTable:
    """All subjects, each with a line per run; ``bounded`` says whether their photos set a bound."""

    metrics: tuple[str, ...]
    rows: tuple[SubjectRow, ...]
    bounded: bool


def subject_table(scored: Sequence[RunScores], grids: Sequence[SubjectGrid]) -> SubjectTable:
    """Lay out the scores of every subject, a line per run that has it."""
    metrics = shown_metrics(scored) or standard_metrics()[:3]
    rows = [_row(run, grid, metrics) for grid in grids for run in scored if grid.name in run.record.subjects]
    return SubjectTable(metrics, tuple(rows), any(has_bound(run) for run in scored))


def has_bound(run: RunScores) -> bool:
    """Whether any subject's photos are compared with each other: not those of two subjects in one image."""
    return bool(run.photos.notna().to_numpy().any())


def _row(run: RunScores, grid: SubjectGrid, metrics: tuple[str, ...]) -> SubjectRow:
    scores: dict[str, float] = run.subjects.loc[grid.name].to_dict()  # type: ignore[assignment]
    bounds: dict[str, float] = run.photos.loc[grid.name].to_dict()  # type: ignore[assignment]
    bounded = has_bound(run)
    scale = run.record.spec.protocol.scale.get("dino", 1.0)
    expected, made = run.coverage.expected[grid.name], run.coverage.scored[grid.name]
    return SubjectRow(
        name=grid.name,
        anchor=grid.anchor,
        class_noun=run.record.subjects[grid.name],
        run=run.label,
        scores=tuple(
            (numbers.fixed(scores.get(m)), numbers.fixed(bounds[m]) if m in bounds and bounded else "")
            for m in metrics
        ),
        ours=_percent(scores["dino"] / scale),
        bound=_percent(bounds["dino"] / scale),
        images=numbers.count(made) if made == expected else f"{made:,} of {expected:,}",
    )


def _percent(value: float) -> float | None:
    return None if value != value else round(100 * min(max(value, 0.0), 1.0), 2)
