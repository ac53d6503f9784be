"""How far the raters agree with each other, and the bound that this sets for a metric."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from dreambench.human.correlation.coefficients import KINDS, Matrix, Vector, coefficient, mean_of_known
from dreambench.human.correlation.resampling import (
    cluster_counts,
    joined,
    percentile_interval,
    weighted_pearson,
)
from dreambench.human.correlation.results import Bound, RaterAgreement

ALPHA_RESAMPLES = 1_000
# Means over raters are rounded to this: the order of a sum must not break ties.
TIE_DIGITS = 12


def agreement(human: str, ratings: Matrix, clusters: ArrayLike) -> RaterAgreement:
    """Return Krippendorff's alpha for ordinal values, with its interval by the clustered bootstrap.

    ``ratings`` is (images, raters), NaN where a rater did not see an image; an image seen by one rater
    does not count. 1 is perfect agreement, 0 that of chance; None where all ratings are the same.
    Source: Krippendorff 2011; the package ``krippendorff``.
    """
    values = np.unique(ratings[np.isfinite(ratings)])
    votes = (ratings[:, :, None] == values).sum(axis=1)
    alpha = _alpha(votes, values)
    interval = None if alpha is None else percentile_interval(_resampled_alpha(votes, values, clusters))
    pairable = np.isfinite(ratings).sum(axis=1) >= 2
    return RaterAgreement(
        human=human,
        n=int(pairable.sum()),
        raters=int(np.isfinite(ratings).any(axis=0).sum()),
        alpha=alpha,
        ci95=interval,
    )


def _alpha(votes: Matrix, values: Vector) -> float | None:
    import krippendorff

    if len(values) < 2 or not (votes.sum(axis=1) >= 2).any():
        return None
    if (votes[votes.sum(axis=1) >= 2].sum(axis=0) > 0).sum() < 2:  # chance alone would agree perfectly
        return None
    alpha = krippendorff.alpha(value_counts=votes, value_domain=values, level_of_measurement="ordinal")
    return float(alpha) if np.isfinite(alpha) else None


def _resampled_alpha(votes: Matrix, values: Vector, clusters: ArrayLike) -> Vector:
    draws = []
    for block in cluster_counts(clusters, ALPHA_RESAMPLES):
        for counts in block:
            alpha = _alpha(np.repeat(votes, counts.astype(int), axis=0), values)
            draws.append(np.nan if alpha is None else alpha)
    return np.array(draws)


def upper_bound(human: str, raters: tuple[str, ...], ratings: Matrix, clusters: ArrayLike) -> Bound:
    """Return how well one rater follows the mean of the others: the mean over raters of each coefficient.

    A rater whose ratings, or the others' mean, do not vary has no coefficient and is left out of the
    mean. The interval is that of the mean Pearson coefficient by the clustered bootstrap.
    """
    pairs = {name: _against_others(ratings, column) for column, name in enumerate(raters)}
    by_rater = {
        name: {kind: coefficient(kind, own[seen], others[seen])[0] for kind in KINDS}
        for name, (own, others, seen) in pairs.items()
    }
    valid = [pairs[name] for name in raters if by_rater[name]["pearson"] is not None]
    interval = percentile_interval(_resampled_bound(valid, clusters)) if valid else None
    return Bound(
        human=human,
        n=int((np.isfinite(ratings).sum(axis=1) >= 2).sum()),
        raters=len(valid),
        **{kind: mean_of_known(found[kind] for found in by_rater.values()) for kind in KINDS},
        pearson_ci95_bootstrap=interval,
        by_rater={name: found["pearson"] for name, found in by_rater.items()},
    )


def _against_others(ratings: Matrix, column: int) -> tuple[Vector, Vector, np.ndarray]:
    """Return a rater's ratings, the mean of the others', and the images that have both."""
    own, rest = ratings[:, column], np.delete(ratings, column, axis=1)
    others = pd.DataFrame(rest).mean(axis=1).to_numpy()  # NaN for an image that no other rater saw
    return own, others.round(TIE_DIGITS), np.isfinite(own) & np.isfinite(others)


def _resampled_bound(pairs: list[tuple[Vector, Vector, np.ndarray]], clusters: ArrayLike) -> Vector:
    blocks = []
    for counts in cluster_counts(clusters):
        with np.errstate(invalid="ignore", divide="ignore"):
            draws = [
                weighted_pearson(counts[:, seen], own[seen], others[seen]) for own, others, seen in pairs
            ]
        blocks.append(pd.DataFrame(np.array(draws)).mean().to_numpy())  # NaN is a rater without a coefficient
    return joined(blocks)
