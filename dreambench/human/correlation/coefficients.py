"""Pearson, Spearman and Kendall with p-values (scipy) and intervals by Fisher's z; tests of two correlations.

Steiger's and Williams's tests are of two correlations that share a variable: does one metric follow the
raters better than another? ``r_a`` and ``r_b`` are those of the metrics a and b with the same human score,
``r_ab`` that of the metrics with each other, ``n`` the number of images. Both assume independent images.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class TestResult:
    """A statistic, the one-sided p-value of "a is greater than b", and the two-sided p-value.

    ``df`` is None for a statistic that is normally distributed.
    """

    __test__ = False

    statistic: float
    p: float
    p_two_sided: float
    df: int | None = None


def steiger(r_a: float, r_b: float, r_ab: float, n: int) -> TestResult | None:
    """Return Steiger's z with the pooled correlation (Steiger 1980, equation 14).

    None where it is undefined: n below 4, a correlation of 1, or identical metrics.
    """
    from scipy import stats

    if n < 4 or max(abs(r_a), abs(r_b), abs(r_ab)) >= 1 - 1e-12:
        return None
    square = ((r_a + r_b) / 2) ** 2
    covariance = r_ab * (1 - 2 * square) - square * (1 - 2 * square - r_ab**2) / 2
    variance = 2 - 2 * covariance / (1 - square) ** 2
    if variance <= 1e-12:
        return None
    z = (math.atanh(r_a) - math.atanh(r_b)) * math.sqrt((n - 3) / variance)
    return TestResult(z, float(stats.norm.sf(z)), 2 * float(stats.norm.sf(abs(z))))


def williams(r_a: float, r_b: float, r_ab: float, n: int) -> TestResult | None:
    """Return Williams's t with n - 3 degrees of freedom (Williams 1959; Steiger 1980, equation 7).

    None where it is undefined: n below 4, or identical metrics.
    """
    from scipy import stats

    if n < 4 or abs(r_ab) >= 1 - 1e-12:
        return None
    determinant = 1 - r_a**2 - r_b**2 - r_ab**2 + 2 * r_a * r_b * r_ab
    mean = (r_a + r_b) / 2
    spread = 2 * determinant * (n - 1) / (n - 3) + mean**2 * (1 - r_ab) ** 3
    if spread <= 1e-12:
        return None
    t = (r_a - r_b) * math.sqrt((n - 1) * (1 + r_ab) / spread)
    return TestResult(t, float(stats.t.sf(t, n - 3)), 2 * float(stats.t.sf(abs(t), n - 3)), n - 3)
