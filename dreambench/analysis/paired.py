"""Paired comparison of two runs over the same subjects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dreambench.analysis.interval import RESAMPLES, SEED, bootstrap_interval


@dataclass(frozen=True)
class PairedDifference:
    """The mean over subjects of a score's difference, first minus second.

    ``ci95`` is the bootstrap's over subjects, ``p`` that of the two-sided sign-flip permutation test; both
    are None with fewer than 2 subjects that have both scores, of which ``n`` is the number.
    """

    mean: float
    ci95: tuple[float, float] | None
    p: float | None
    n: int


def paired_difference(first: pd.Series, second: pd.Series) -> PairedDifference | None:
    """Compare one value per subject of two runs, matched by subject; None where no subject has both.

    The permutation test is exact up to 13 subjects (all 2^n signs), by ``RESAMPLES`` random ones beyond
    (Good 2005, chapter 3). Its smallest p-value is 2 / 2^n: five subjects cannot show p < 0.05.
    """
    from scipy.stats import permutation_test

    differences = (first - second.reindex(first.index)).dropna().to_numpy(float)
    if not len(differences):
        return None
    mean = float(differences.mean())
    if len(differences) < 2:
        return PairedDifference(mean, None, None, len(differences))
    if not differences.any():
        return PairedDifference(0.0, (0.0, 0.0), 1.0, len(differences))
    result = permutation_test(
        (differences,),
        lambda sample, axis: np.mean(sample, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(SEED),
    )
    return PairedDifference(mean, bootstrap_interval(differences), float(result.pvalue), len(differences))
