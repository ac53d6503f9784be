"""The paired comparison of runs over the same subjects: interval, permutation test, Holm's correction.

There is one test, the sign-flip permutation test of the mean difference (Good 2005, chapter 3). It tests the
mean that the tables print, and assumes no distribution: of equal methods, each difference could as well have
the other sign. It takes all sign patterns up to 13 subjects. docs/protocol.md has its rate of false positives
where the differences are skewed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dreambench.analysis.shared_subjects import pairs_that_share, spread_of_shared

if TYPE_CHECKING:
    from dreambench.analysis.run_scores import RunScores

RESAMPLES = 10_000
SEED = 0
CONFIDENCE = 0.95
LEAST = 4  # values, for an interval
#: Differences of equal scores by their last bits are below this share of the scores, and count as none.
ROUNDING = 1e-12
#: How the intervals of every table are made, for captions.
INTERVAL = f"studentized bootstrap over subjects, {RESAMPLES:,} resamples, seed {SEED}"


@dataclass(frozen=True)
class PairedDifference:
    """The mean over ``n`` subjects of a score's difference, first minus second.

    ``ci95`` is the 95% interval over subjects (``mean_interval``; None with fewer than ``LEAST``), ``p`` that
    of the two-sided sign-flip permutation test (None for a single subject, and for images of two subjects if
    pairs share one). ``above`` counts the subjects whose difference is positive.
    """

    mean: float
    ci95: tuple[float, float] | None
    p: float | None
    n: int
    above: int


def paired_difference(
    first: pd.Series,
    second: pd.Series,
    weights: pd.Series | None = None,
    subject_pairs: Mapping[str, tuple[str, str]] | None = None,
) -> PairedDifference | None:
    """Compare one value per subject of two runs, matched by subject; None where no subject has both.

    With ``weights`` by subject, the mean is the weighted one, with the interval of ``weighted_by_images``;
    a subject without weight is left out. ``subject_pairs`` are the two subjects behind each value by its
    name, if the images show two. No permutation respects that some share one: these have no p-value.

    The permutation test enumerates all 2^n sign patterns up to 13 subjects, and draws ``RESAMPLES`` random
    ones beyond that. Its smallest p-value is 2 / 2^n: five subjects cannot show p < 0.05. A difference below
    rounding error (``ROUNDING``) is 0.
    """
    from scipy.stats import permutation_test

    pairs = np.stack([first.to_numpy(float), second.reindex(first.index).to_numpy(float)])
    by_subject = np.ones(len(first)) if weights is None else weights.reindex(first.index).to_numpy(float)
    present = np.isfinite(pairs).all(axis=0) & (by_subject > 0)
    pairs = pairs[:, present]
    differences = pairs[0] - pairs[1]
    differences[np.abs(differences) <= ROUNDING * np.abs(pairs).max(initial=0)] = 0
    count, above = len(differences), int((differences > 0).sum())
    if count == 0:
        return None
    shares = by_subject[present] / by_subject[present].mean()
    tested = shares * differences
    mean = float(tested.mean())
    if count == 1:
        return PairedDifference(mean, None, None, count, above)
    measured = pd.Series(tested + mean * (1 - shares), index=first.index[present])
    interval = mean_interval(spread_of_shared(measured, subject_pairs or {}))
    if not differences.any():
        return PairedDifference(0.0, interval, 1.0, count, above)
    if subject_pairs and pairs_that_share(measured.index, subject_pairs).any():
        return PairedDifference(mean, interval, None, count, above)
    result = permutation_test(
        (tested,),
        lambda sample, axis: np.mean(sample, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(SEED),
    )
    return PairedDifference(mean, interval, float(result.pvalue), count, above)


def mean_interval(values: Iterable[float]) -> tuple[float, float] | None:
    """Return the 95% interval of the mean of one value per subject, by the studentized bootstrap.

    Subjects, not images, are resampled: the images of a subject are not independent of each other. The
    studentized bootstrap (Efron and Tibshirani 1993, section 12.5) measures the distance of each resample's
    mean in standard errors. It keeps its coverage with few subjects, where the percentiles of the resampled
    means cover 83% instead of 95% (n = 5). NaN is ignored. Fewer than ``LEAST`` values have no interval, and
    equal values have one of width 0. ``RESAMPLES`` and ``SEED`` are fixed and the values are sorted first, so
    the same values in any order give the same interval.
    """
    present = np.sort(np.asarray(list(values), dtype=float))
    present = present[np.isfinite(present)]
    if len(present) < LEAST:
        return None
    mean = float(present.mean())
    drawn = present[np.random.default_rng(SEED).integers(0, len(present), (RESAMPLES, len(present)))]
    errors, distances = _standard_error(drawn), drawn.mean(axis=1) - mean
    # A spread below rounding error counts as none.
    spread = errors > ROUNDING * np.abs(present).max()
    if not spread.any():
        return mean, mean
    t = distances[spread] / errors[spread]
    # A resample of a single repeated value has no standard error: it counts as far out as the farthest.
    farthest = np.sign(distances[~spread]) * np.abs(t).max()
    tails = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
    low, high = np.quantile(np.concatenate([t, farthest]), tails, method="inverted_cdf")
    error = float(_standard_error(present))
    return mean - float(high) * error, mean - float(low) * error


def _standard_error(values: np.ndarray) -> np.ndarray:
    return np.asarray(values.std(axis=-1, ddof=1) / np.sqrt(values.shape[-1]))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values after Holm's step-down correction (Holm 1979); None stays None and is not counted."""
    # scipy has only Benjamini and Hochberg's correction, and this alone does not justify statsmodels.
    present = sorted((p, position) for position, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, position) in enumerate(present):
        largest = max(largest, min(1.0, (len(present) - rank) * p))
        corrected[position] = largest
    return corrected


@dataclass(frozen=True, kw_only=True)
class RunDifference(PairedDifference):
    """One metric of two runs, ``second`` minus ``first``, over the subjects that both have.

    Where the protocol averages over images, a subject counts by its images, as in the runs' own means.
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


def shared_weights(first: RunScores, second: RunScores, metric: str) -> pd.Series | None:
    """Return the subjects' weights in the difference of two runs' means; None where all are the same."""
    one, other = first.weights(metric), second.weights(metric)
    return None if one is None or other is None else one.add(other, fill_value=0)


def _difference(first: RunScores, second: RunScores, metric: str) -> RunDifference | None:
    # Sorted: the random permutations beyond 13 subjects must not depend on the order of the subjects.
    ours, theirs = second.subjects[metric].sort_index(), first.subjects[metric]
    found = paired_difference(ours, theirs, shared_weights(first, second, metric), second.pairs)
    if found is None:
        return None
    return RunDifference(**asdict(found), first=first.label, second=second.label, metric=metric)
