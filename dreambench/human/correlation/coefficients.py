"""Pearson, Spearman and Kendall with p-values (scipy) and intervals by Fisher's z."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["pearson", "spearman", "kendall"]
KINDS: tuple[Kind, ...] = ("pearson", "spearman", "kendall")
Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


def coefficient(kind: Kind, x: Vector, y: Vector) -> tuple[float | None, float | None]:
    """Return a correlation (-1 to 1) of two vectors of the same length and its two-sided p-value.

    Kendall's is tau-b, Spearman's uses mid-ranks: both allow ties. The p-values assume
    independent rows. Both are None with fewer than 3 rows or where one of the vectors is constant.
    """
    from scipy import stats

    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None, None
    functions: dict[Kind, Callable[..., Any]] = {
        "pearson": stats.pearsonr,
        "spearman": stats.spearmanr,
        "kendall": stats.kendalltau,
    }
    result = functions[kind](x, y)
    return float(result.statistic), float(result.pvalue)


def mean_of_known(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that are not None, or None where all are."""
    present = [value for value in values if value is not None]
    return sum(present) / len(present) if present else None


def fisher_interval(kind: Kind, r: float | None, n: int) -> tuple[float, float] | None:
    """Return the 95% interval tanh(atanh(r) -+ 1.96 SE), or None where n is too small for it.

    The standard error of atanh(r) is 1/sqrt(n - 3) for Pearson (Fisher 1921),
    sqrt((1 + r^2/2) / (n - 3)) for Spearman (Bonett and Wright 2000) and sqrt(0.437 / (n - 4)) for
    Kendall (Fieller, Hartley and Pearson 1957). It assumes that the n rows are independent.
    """
    from scipy import stats

    free = n - (4 if kind == "kendall" else 3)
    if r is None or free <= 0:
        return None
    if abs(r) >= 1 - 1e-12:  # atanh is infinite there; a perfect correlation has no spread
        return r, r
    variance = {"pearson": 1.0, "spearman": 1 + r * r / 2, "kendall": 0.437}[kind] / free
    half = float(stats.norm.ppf(0.975)) * math.sqrt(variance)
    center = math.atanh(r)
    return math.tanh(center - half), math.tanh(center + half)
