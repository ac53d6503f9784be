"""Scores of images of two subjects: pairs that share a subject are not independent of each other.

UNO's 30 pairs are of 30 subjects, one of which is in five pairs. Scores of two pairs with a common subject
are alike, so the mean is less certain than that of as many unrelated scores (docs/protocol.md).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

#: If a pair's score is the mean of two independent effects, those of its subjects, this is the correlation of
#: two pairs that share one. It cannot be larger.
_MOST = 0.5


def pairs_that_share(names: pd.Index, pairs: Mapping[str, tuple[str, str]]) -> np.ndarray:
    """Return a matrix [n, n] of the named pairs: 1 where two of them share a subject, else 0."""
    held = [set(pairs.get(str(name), ())) for name in names]
    return np.array([[float(i != j and bool(a & b)) for j, b in enumerate(held)] for i, a in enumerate(held)])


def spread_of_shared(scores: pd.Series, pairs: Mapping[str, tuple[str, str]]) -> pd.Series:
    """Return scores by pair, spread about their mean so that their interval is that of the mean.

    The mean stays. Two pairs with a common subject have a correlation, estimated by the method of moments
    from the products of their deviations, and at most one half (and one half where the pairs cannot tell: if
    all share one subject). Nothing changes where no two pairs share a subject, or without ``pairs``.
    """
    known = scores.dropna()
    shared = pairs_that_share(known.index, pairs) if pairs else np.zeros((0, 0))
    count, links = len(known), shared.sum()
    if not links:
        return scores
    errors = known.to_numpy(float) - known.mean()
    squares, products = errors @ errors, errors @ shared @ errors
    if not squares:
        return scores
    # Both sums are of deviations from the pairs' own mean. With a variance of 1 and a correlation r they are
    # expected to be (n - 1) - r * links / n and r * trace(CSCS) - links / n: C centers, and S is ``shared``.
    centered = shared - shared.mean(axis=0)
    trace = float((centered * centered.T).sum())
    above = products * (count - 1) + squares * links / count
    below = squares * trace + products * links / count
    correlation = float(np.clip(above / below, 0, _MOST)) if below > 1e-9 * squares * links else _MOST
    inflation = (1 + correlation * links / count) / (1 - correlation * links / (count * (count - 1)))
    return known.mean() + np.sqrt(inflation) * (scores - known.mean())
