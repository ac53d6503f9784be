"""The clustered bootstrap: whole units are drawn, with all the images that belong to them.

The images of one unit (a subject, or a sample: a subject and a prompt) are not independent of each other, so
an interval that assumes they are is too narrow. A resample is a vector of counts, one per image; every
coefficient is computed from the counts, all resamples at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreambench.analysis.paired import CONFIDENCE, RESAMPLES, SEED
from dreambench.human.correlation.coefficients import Kind, Matrix, Vector, coefficient, fisher_interval
from dreambench.human.correlation.results import Coefficient

# Kendall's cost grows with the square of the number of images, so its interval uses fewer resamples.
KENDALL_RESAMPLES = 2_000
_ALL: Mapping[Kind, int] = {"pearson": RESAMPLES, "spearman": RESAMPLES, "kendall": KENDALL_RESAMPLES}
_CHUNK = 1_000
Draws = dict[tuple[str, str], dict[Kind, Vector]]


def cluster_counts(clusters: ArrayLike, resamples: int = RESAMPLES) -> Iterator[Matrix]:
    """Yield how often each row occurs in each resample, as blocks of shape (up to 1,000, rows).

    As many clusters are drawn, with replacement, as there are. The draws depend on the clusters' names
    and not on the order of the rows. A single cluster yields nothing.
    """
    names, codes = np.unique(np.asarray(clusters), return_inverse=True)
    if len(names) < 2:
        return
    for drawn in _drawn_clusters(len(names), resamples):
        yield drawn[:, codes].astype(float)


# An analysis asks for the same draws for every human score and every method; the two are all and alpha's.
@lru_cache(maxsize=2)
def _drawn_clusters(count: int, resamples: int) -> tuple[NDArray[np.unsignedinteger], ...]:
    """Return how often each of ``count`` clusters is drawn, as blocks of shape (up to 1,000, count)."""
    rng = np.random.default_rng(SEED)
    sizes = (min(_CHUNK, resamples - start) for start in range(0, resamples, _CHUNK))
    smallest = np.min_scalar_type(count)
    return tuple(rng.multinomial(count, np.full(count, 1 / count), size).astype(smallest) for size in sizes)


def resampled_coefficients(
    x: Mapping[str, Vector],
    y: Mapping[str, Vector],
    clusters: ArrayLike,
    resamples: Mapping[Kind, int] = _ALL,
) -> Draws:
    """Return each correlation of an ``x`` with a ``y`` in every resample, by their names and by kind.

    ``resamples`` has the kinds that are computed, and how often. The vectors have one value per row; a
    resample in which one of them is constant gives NaN. Different pairs see the same resamples, so
    differences of their coefficients are paired.
    """
    parts: dict[tuple[str, str], dict[Kind, list[Vector]]] = {
        (a, b): {kind: [] for kind in resamples} for a in x for b in y
    }
    for block, counts in enumerate(cluster_counts(clusters)):
        due = [kind for kind, most in resamples.items() if block * _CHUNK < most]
        ranks = {}
        if "spearman" in due:
            ranks = {name: resampled_ranks(counts, values) for name, values in {**x, **y}.items()}
        for (a, b), draws in parts.items():
            if "pearson" in due:
                draws["pearson"].append(weighted_pearson(counts, x[a], y[b]))
            if "spearman" in due:
                draws["spearman"].append(weighted_pearson(counts, ranks[a], ranks[b]))
            if "kendall" in due:
                draws["kendall"].append(weighted_kendall(counts, x[a], y[b]))
    return {pair: {kind: joined(d) for kind, d in draws.items()} for pair, draws in parts.items()}


def joined(blocks: Sequence[Vector]) -> Vector:
    """Return the blocks of a statistic's resamples as one vector, empty if there are none."""
    return np.concatenate(blocks) if blocks else np.empty(0)


def weighted_pearson(counts: Matrix, x: Vector | Matrix, y: Vector | Matrix) -> Vector:
    """Return Pearson's r in each resample.

    ``x`` and ``y`` are (rows,), or (resamples, rows) where they differ from resample to resample.
    """
    total = counts.sum(axis=1)
    x, y = x - x.mean(), y - y.mean()  # near 0, so that the differences below lose no digits
    mean_x, mean_y = _sums(counts, x) / total, _sums(counts, y) / total
    covariance = _sums(counts, x * y) / total - mean_x * mean_y
    variance_x = _sums(counts, x * x) / total - mean_x**2
    variance_y = _sums(counts, y * y) / total - mean_y**2
    constant = (variance_x < 1e-14 * np.var(x)) | (variance_y < 1e-14 * np.var(y))
    with np.errstate(invalid="ignore", divide="ignore"):
        r = covariance / np.sqrt(variance_x * variance_y)
    return np.where(constant, np.nan, np.clip(r, -1, 1))


def _sums(counts: Matrix, values: Vector | Matrix) -> Vector:
    return counts @ values if values.ndim == 1 else np.einsum("rn,rn->r", counts, values)


def resampled_ranks(counts: Matrix, values: Vector) -> Matrix:
    """Return the mid-rank of each row's value within each resample, shape (resamples, rows)."""
    order = np.argsort(values, kind="stable")
    starts, sizes = _ties(values[order])
    totals = np.add.reduceat(counts[:, order], starts, axis=1)
    ranks = np.cumsum(totals, axis=1) - (totals - 1) / 2
    result = np.empty_like(counts)
    result[:, order] = np.repeat(ranks, sizes, axis=1)
    return result


def weighted_kendall(counts: Matrix, x: Vector, y: Vector) -> Vector:
    """Return Kendall's tau-b in each resample: concordant minus discordant pairs over the untied ones."""
    surplus = np.zeros(len(counts))
    single = counts.astype(np.float32)  # counts and signs are small whole numbers: their sums are exact
    for start in range(0, len(x), _CHUNK):  # a few columns of the matrix of all pairs at a time
        some = slice(start, start + _CHUNK)
        signs = np.sign(x[:, None] - x[None, some]) * np.sign(y[:, None] - y[None, some])
        surplus += np.einsum("rn,rn->r", single @ signs.astype(np.float32), single[:, some], dtype=float)
    untied = _untied_pairs(counts, x) * _untied_pairs(counts, y)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(untied > 0, surplus / np.sqrt(untied), np.nan)


def _untied_pairs(counts: Matrix, values: Vector) -> Vector:
    """Return the ordered pairs of different values in each resample."""
    order = np.argsort(values, kind="stable")
    totals = np.add.reduceat(counts[:, order], _ties(values[order])[0], axis=1)
    return counts.sum(axis=1) ** 2 - (totals**2).sum(axis=1)


def _ties(ordered: Vector) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where each group of equal values starts in an ordered vector, and its size."""
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    return starts, np.diff(np.r_[starts, len(ordered)])


def percentile_interval(draws: Vector) -> tuple[float, float] | None:
    """Return the 95% percentile interval of a statistic's resamples.

    NaN is a resample in which the statistic is undefined; if most are, there is no interval (None).
    """
    present = draws[np.isfinite(draws)]
    if len(present) == 0 or 2 * len(present) < len(draws):
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(present, [tail, 1 - tail])
    return float(low), float(high)


def one_sided_p(draws: Vector) -> float:
    """Return the one-sided p-value of "the statistic is above 0" from its resamples; NaN is ignored."""
    present = draws[np.isfinite(draws)]
    # One more on both sides: no number of resamples shows that a probability is 0.
    return (int((present <= 0).sum()) + 1) / (len(present) + 1)


def two_sided_p(draws: Vector) -> float:
    """Return the two-sided p-value of "the statistic is not 0" from its resamples; NaN is ignored."""
    present = draws[np.isfinite(draws)]
    fewer = min(int((present <= 0).sum()), int((present >= 0).sum()))
    return min(1.0, 2 * (fewer + 1) / (len(present) + 1))


def measured(kind: Kind, x: Vector, y: Vector, draws: Vector) -> Coefficient:
    """Return a correlation with its p-value and both intervals; ``draws`` are its resamples."""
    r, p = coefficient(kind, x, y)
    interval = None if r is None else percentile_interval(draws)
    return Coefficient(r=r, p=p, ci95=fisher_interval(kind, r, len(x)), ci95_bootstrap=interval)
