"""The statistics behind the claims: paired tests against 0 or a margin, Welch's test, the AUC of identity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dreambench.analysis.paired import CONFIDENCE, LEAST, ROUNDING, paired_difference


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
    """Test that one group's mean is above another's: Welch's t-test and its interval, two-sided.

    None with a group of fewer than ``LEAST``. Not a permutation of the group labels: of 9 and 21 subjects
    without a difference, it finds one in 9 to 13% if the scores of the 9 vary twice as much as the others.
    """
    from scipy.stats import ttest_ind

    a, b = (np.asarray(values, float)[np.isfinite(values)] for values in (inside, outside))
    if min(len(a), len(b)) < LEAST:
        return None
    effect = float(a.mean() - b.mean())
    if max(np.ptp(a), np.ptp(b)) <= ROUNDING * np.abs([*a, *b]).max():  # no spread: no test
        return Evidence(effect, None, None, len(a) + len(b), effect > 0)
    tested = ttest_ind(a, b, equal_var=False)
    welch = tested.confidence_interval(CONFIDENCE)
    interval = (float(welch.low), float(welch.high))
    return Evidence(effect, interval, float(tested.pvalue), len(a) + len(b), effect > 0)


def identity_aucs(embeddings: Mapping[str, np.ndarray], nouns: Mapping[str, str]) -> pd.Series:
    """Return, per subject, how well its photos are distinguished from photos of other subjects of its class.

    The area under the ROC curve of cosine similarity: pairs of the subject's own photos against pairs of
    one of its photos and one of another subject's. ``embeddings`` [photos, d] by subject. Subjects that
    are alone in their class are omitted.
    """
    from scipy.stats import mannwhitneyu

    units = {s: e / np.linalg.norm(e, axis=1, keepdims=True) for s, e in embeddings.items()}
    areas = {}
    for subject, own in units.items():
        others = [units[s] for s in units if s != subject and nouns[s] == nouns[subject]]
        if not others or len(own) < 2:
            continue
        same = (own @ own.T)[np.triu_indices(len(own), 1)]
        different = np.concatenate([(own @ other.T).ravel() for other in others])
        # U over the number of pairs is the area. Only the statistic is used: the method does not matter.
        tested = mannwhitneyu(same, different, method="asymptotic")
        areas[subject] = float(tested.statistic / (len(same) * len(different)))
    return pd.Series(areas, dtype=float)
