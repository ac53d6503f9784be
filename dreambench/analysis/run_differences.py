"""Paired differences between runs: the same subjects, one value each, with interval and corrected p-value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import pandas as pd

from dreambench.analysis.interval import bootstrap_interval
from dreambench.analysis.run_scores import RunScores
from dreambench.spec.run_spec import METRICS


@dataclass(frozen=True)
class RunDifference:
    """One metric of two runs, ``second`` minus ``first``, over the ``n`` subjects that both have.

    ``ci95`` is the paired bootstrap's over subjects; ``p`` is that of Wilcoxon's signed-rank test, two-sided,
    and ``p_holm`` the same after Holm's correction over all rows of the table. All three are None with fewer
    than 2 subjects. ``above`` counts the subjects whose difference is positive.
    """

    first: str
    second: str
    metric: str
    mean: float
    ci95: tuple[float, float] | None
    p: float | None
    p_holm: float | None
    n: int
    above: int


def run_differences(scored: Sequence[RunScores]) -> list[RunDifference]:
    """Compare every two runs in every metric that both have; whether they may be compared, others decide.

    A single run has no rows, and a metric that no subject has in both runs has none.
    """
    found = [
        difference
        for first, second in combinations(scored, 2)
        for metric in METRICS
        if (difference := _difference(first, second, metric)) is not None
    ]
    corrected = holm([row.p for row in found])
    return [replace(row, p_holm=p) for row, p in zip(found, corrected, strict=True)]


def _difference(first: RunScores, second: RunScores, metric: str) -> RunDifference | None:
    # A subject that one run lacks becomes NaN here, and is left out of both.
    values = (second.subjects[metric] - first.subjects[metric]).dropna().sort_index()
    if values.empty:
        return None
    return RunDifference(
        first=first.label,
        second=second.label,
        metric=metric,
        mean=float(values.mean()),
        ci95=bootstrap_interval(values),
        p=_wilcoxon(values),
        p_holm=None,
        n=len(values),
        above=int((values > 0).sum()),
    )


def _wilcoxon(values: pd.Series) -> float | None:
    from scipy.stats import wilcoxon

    if len(values) < 2:
        return None
    differences = values.to_numpy(float)
    if not differences.any():  # the test is undefined where nothing differs
        return 1.0
    return float(wilcoxon(differences).pvalue)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values after Holm's step-down correction (Holm 1979); None stays None and is not counted."""
    present = [(p, position) for position, p in enumerate(p_values) if p is not None]
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, position) in enumerate(sorted(present)):
        largest = max(largest, min(1.0, p * (len(present) - rank)))
        corrected[position] = largest
    return corrected
