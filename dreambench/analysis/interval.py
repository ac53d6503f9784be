"""The 95% interval of a mean over subjects."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

RESAMPLES = 10_000
SEED = 0
CONFIDENCE = 0.95


def bootstrap_interval(values: Iterable[float]) -> tuple[float, float] | None:
    """Return the percentile-bootstrap 95% interval of the mean of one value per subject.

    Subjects, not images, are resampled: the images of a subject are not independent of each other.
    NaN is left out; with fewer than 2 values there is no interval (None). ``RESAMPLES`` and ``SEED``
    are fixed and the values are sorted first, so the same values in any order give the same interval.
    """
    from scipy.stats import bootstrap

    present = np.sort(np.asarray(list(values), dtype=float))
    present = present[np.isfinite(present)]
    if len(present) < 2:
        return None
    result = bootstrap(
        (present,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        vectorized=True,
        random_state=np.random.default_rng(SEED),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)
