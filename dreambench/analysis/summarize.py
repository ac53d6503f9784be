"""From runs to their summary: means over subjects with intervals, and the paper's numbers beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dreambench.analysis.aggregate import count_photos, mean_over_subjects, weighted_by_images
from dreambench.analysis.paired import mean_interval
from dreambench.analysis.run_scores import (
    RunScores,
    on_shared_cells,
    protocol_scores,
    read_comparable_scores,
)
from dreambench.analysis.seed_mean import with_seeds_joined
from dreambench.analysis.shared_subjects import spread_of_shared
from dreambench.analysis.summary import Row, RunSummary, Score, SubjectScores, Summary
from dreambench.errors import DreambenchError
from dreambench.literature.published import differences_from_paper, paper_values, published
from dreambench.spec.signature import signature_differences
from dreambench.store import RunFolder

REAL = "real"


def summarize(runs: Sequence[RunFolder], force: bool = False) -> Summary:
    """Summarize one run, or several side by side.

    Runs that differ only in their images are compared on the images that all of them have. Raises
    DreambenchError naming the fields where the runs' signatures differ in more, unless ``force``: then
    the summary is marked as incomparable.
    """
    return summary_of(read_comparable_scores(runs), force)


def summary_of(scored: Sequence[RunScores], force: bool = False) -> Summary:
    """Summarize runs whose scores are already read; see ``summarize``.

    Runs that differ only in their seed have one row, the mean over the seeds.
    """
    incomparable = _signature_conflicts(scored)
    if incomparable and not force:
        raise DreambenchError(
            f"these runs cannot be compared: their signatures differ in {'; '.join(incomparable)}",
            "score them with one protocol; `report --force` shows them side by side, marked as incomparable",
        )
    first = scored[0]
    details = {run.label: _run_summary(run) for run in scored}
    shown = with_seeds_joined(scored)
    return Summary(
        signature=first.signature,
        name=", ".join(run.label for run in shown),
        n_images=first.coverage.n_images,
        unscored=first.coverage.unscored,
        rows=(_real_row(scored), *(_run_row(run) for run in shown)),
        subjects=details[first.label].subjects,
        runs=details if len(scored) > 1 else {},
        incomparable=tuple(incomparable),
        protocols=_by_protocol(scored, force),
    )


def _signature_conflicts(scored: Sequence[RunScores]) -> list[str]:
    first = scored[0]
    return [
        f"{difference} ({first.label} against {other.label})"
        for other in scored[1:]
        for difference in signature_differences(first.signature, other.signature)
    ]


def _real_row(scored: Sequence[RunScores]) -> Row:
    # All comparable runs have the same photos; take the bound from the first run with their scores.
    run = next((run for run in scored if len(run.tables.photos)), scored[0])
    paper = published().table(1).row(REAL).values if not differences_from_paper(run.signature) else {}
    bounds = run.photos.reindex(columns=run.subjects.columns)  # other metrics have no bound: None
    shown = _scored_by_any(scored).reindex(index=bounds.index, columns=bounds.columns, fill_value=False)
    bounds = bounds.where(shown)
    kept = bounds.index[bounds.notna().any(axis=1)]
    photos = run.tables.photos[run.tables.photos["subject"].isin(kept)]
    return _row(REAL, count_photos(photos), bounds, paper)


def _scored_by_any(scored: Sequence[RunScores]) -> pd.DataFrame:
    """Return whether any run scores a subject by a metric: the photos' row has only such subjects.

    If no run has a score yet, the photos of all subjects are the bound.
    """
    found = pd.concat([run.subjects for run in scored]).groupby(level=0).count() > 0
    return found if found.to_numpy().any() else ~found


def _run_row(run: RunScores) -> Row:
    spec, quoted = run.record.spec, not differences_from_paper(run.signature)
    paper = paper_values(run.record.kind, spec.method.name, spec.base.model) if quoted else {}
    subjects = run.subjects
    if spec.protocol.averaging == "images":
        subjects = weighted_by_images(subjects, run.tables.images)
    if run.pairs:
        subjects = subjects.apply(spread_of_shared, pairs=run.pairs)
    return _row(run.label, run.coverage.n_images, subjects, paper)


def _by_protocol(scored: Sequence[RunScores], force: bool) -> dict[str, Summary]:
    """Summarize the runs by each protocol that all of them were scored with, if there are several."""
    names = [name for name in scored[0].record.protocols if all(name in r.record.protocols for r in scored)]
    return {
        name: summary_of(on_shared_cells([protocol_scores(run, name) for run in scored]), force)
        for name in (names if len(names) > 1 else ())
    }


def _row(method: str, n_images: int, by_subject: pd.DataFrame, paper: Mapping[str, float]) -> Row:
    scores = {str(m): _score(by_subject[m], paper.get(str(m))) for m in by_subject.columns}
    return Row(method=method, n_images=n_images, **scores)


def _score(by_subject: pd.Series, paper: float | None) -> Score | None:
    mean = mean_over_subjects(by_subject)
    return None if mean is None else Score(mean=mean, ci95=mean_interval(by_subject), paper=paper)


def _run_summary(run: RunScores) -> RunSummary:
    means = run.subjects.astype(object).where(run.subjects.notna(), None)
    rows: dict[Any, Any] = means.to_dict(orient="index")
    return RunSummary(
        signature=run.signature,
        n_images=run.coverage.n_images,
        unscored=run.coverage.unscored,
        subjects={str(name): SubjectScores.of(scores) for name, scores in rows.items()},
    )
