"""Paired differences between runs: the same subjects, one value each, with interval and corrected p-value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations

from dreambench.analysis.paired import PairedDifference, holm, paired_difference
from dreambench.analysis.run_scores import RunScores


@dataclass(frozen=True, kw_only=True)
class RunDifference(PairedDifference):
    """One metric of two runs, ``second`` minus ``first``, over the subjects that both have.

    ``p_holm`` is ``p`` after Holm's correction over all rows of the table.
    """

    first: str
    second: str
    metric: str
    p_holm: float | None = None


def run_differences(scored: Sequence[RunScores]) -> list[RunDifference]:
    """Compare every two runs in every metric that both have.

    The caller decides whether the runs may be compared. A single run has no rows, and a metric that no
    subject has in both runs has none.
    """
    found = [
        difference
        for first, second in combinations(scored, 2)
        for metric in first.subjects.columns.intersection(second.subjects.columns, sort=False)
        if (difference := _difference(first, second, metric)) is not None
    ]
    corrected = holm([row.p for row in found])
    return [replace(row, p_holm=p) for row, p in zip(found, corrected, strict=True)]


def _difference(first: RunScores, second: RunScores, metric: str) -> RunDifference | None:
    # Sorted: the random permutations beyond 13 subjects must not depend on the order of the subjects.
    found = paired_difference(second.subjects[metric].sort_index(), first.subjects[metric])
    if found is None:
        return None
    return RunDifference(**asdict(found), first=first.label, second=second.label, metric=metric)
