"""Tests of two correlations that share a variable: does one metric follow the raters better than another?

``r_a`` and ``r_b`` are the correlations of the metrics a and b with the same human score, ``r_ab`` that
of the metrics with each other, ``n`` the number of images. Both tests assume independent images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


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
