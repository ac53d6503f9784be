"""The statistics behind the claims: one-sided and group permutation tests, and the AUC of identity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from dreambench.analysis.paired import CONFIDENCE, LEAST, RESAMPLES, SEED, paired_difference


@dataclass(frozen=True)
class Evidence:
    """An effect with its 95% interval, its p-value before Holm, and the number of units behind it.

    ``supports`` is True if the effect is on the claim's side; ``rated`` names what human raters judged, if
    any did.
    """

    effect: float
    ci95: tuple[float, float] | None
    p: float | None
    n: int
    supports: bool
    rated: str = ""


def greater(first: pd.Series, second: pd.Series, sign: int = 1) -> Evidence | None:
    """Test that ``first`` is above (``sign`` -1: below) ``second``, paired, two-sided; None without pairs."""
    found = paired_difference(first, second)
    if found is None:
        return None
    return Evidence(found.mean, found.ci95, found.p, found.n, sign * found.mean > 0)


def not_lower(first: pd.Series, second: pd.Series, margin: float) -> Evidence | None:
    """Test that ``first`` is not below ``second`` by ``margin`` or more: two-sided, against the margin.

    Two-sided, so that one p-value, corrected like all others, decides on either side of the margin.
    """
    shifted = paired_difference(first + margin, second)
    plain = paired_difference(first, second)
    if shifted is None or plain is None:
        return None
    return Evidence(plain.mean, plain.ci95, shifted.p, plain.n, shifted.mean > 0)


def groups(inside: Sequence[float], outside: Sequence[float]) -> Evidence | None:
    """Test that one group's mean is above another's by permuting the group labels, two-sided.

    The interval is Welch's, for unequal variances; None with a group of fewer than ``LEAST``.
    """
    from scipy.stats import permutation_test, ttest_ind

    a, b = (np.asarray(values, float)[np.isfinite(values)] for values in (inside, outside))
    if len(a) < 2 or len(b) < 2:
        return None

    def statistic(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        return np.asarray(x.mean(axis=axis) - y.mean(axis=axis))

    effect = float(a.mean() - b.mean())
    options = {"n_resamples": RESAMPLES, "vectorized": True}
    tested = permutation_test((a, b), statistic, rng=np.random.default_rng(SEED), **options)
    welch = ttest_ind(a, b, equal_var=False).confidence_interval(CONFIDENCE)
    interval = (float(welch.low), float(welch.high)) if min(len(a), len(b)) >= LEAST else None
    return Evidence(effect, interval, float(tested.pvalue), len(a) + len(b), effect > 0)


def identity_aucs(embeddings: Mapping[str, np.ndarray], nouns: Mapping[str, str]) -> pd.Series:
    """Return, per subject, how well its photos are distinguished from photos of other subjects of its class.

    The area under the ROC curve of cosine similarity: pairs of the subject's own photos against pairs of
    one of its photos and one of another subject's. ``embeddings`` [photos, d] by subject. Subjects that
    are alone in their class are omitted.
    """
    units = {s: e / np.linalg.norm(e, axis=1, keepdims=True) for s, e in embeddings.items()}
    areas = {}
    for subject, own in units.items():
        others = [units[s] for s in units if s != subject and nouns[s] == nouns[subject]]
        if not others or len(own) < 2:
            continue
        same = (own @ own.T)[np.triu_indices(len(own), 1)]
        different = np.concatenate([(own @ other.T).ravel() for other in others])
        areas[subject] = area_under_curve(same, different)
    return pd.Series(areas, dtype=float)


def area_under_curve(first: ArrayLike, second: ArrayLike) -> float:
    """Return the chance that one of ``first`` is above one of ``second``; a tie is half (Mann-Whitney)."""
    from scipy.stats import mannwhitneyu

    # U over the number of pairs. Only the statistic is used: the p-value, by this method, is cheap.
    found = mannwhitneyu(first, second, method="asymptotic")
    return float(found.statistic) / (np.size(first) * np.size(second))
