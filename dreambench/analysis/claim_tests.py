"""The statistics behind the claims: paired tests against 0 or a margin, Welch's test, areas of identity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from dreambench.analysis.identity_areas import identity_areas
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


def identity_by_class(embeddings: Mapping[str, np.ndarray], nouns: Mapping[str, str]) -> pd.Series:
    """Return, per class of two subjects or more, the mean of its subjects' ``identity_areas`` by cosine.

    ``embeddings`` [photos, d] and ``nouns`` are by subject. The subjects of a class are each other's
    strangers, so their areas are correlated: the class is the independent unit.
    """
    means = {}
    for noun in dict.fromkeys(nouns[subject] for subject in embeddings):
        group = {
            subject: rows for subject, rows in embeddings.items() if nouns[subject] == noun and len(rows)
        }
        if len(group) < 2:
            continue
        rows = np.concatenate(list(group.values()))
        units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        cosines, owner = units @ units.T, [subject for subject, own in group.items() for _ in own]
        pairs = [(i, j, float(cosines[i, j])) for i, j in combinations(range(len(owner)), 2)]
        if len(areas := identity_areas(pairs, owner)):
            means[noun] = float(areas.mean())
    return pd.Series(means, dtype=float)
