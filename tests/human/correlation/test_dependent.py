"""Tests of dependent correlations, against printed examples and by hand."""

from __future__ import annotations

import math

import pytest
from scipy.stats import t

from dreambench.human.correlation.coefficients import steiger, williams


def test_steiger_by_hand() -> None:
    # r_a = 0.6, r_b = 0.2, r_ab = 0, n = 28: the mean 0.4 has the square 0.16, the covariance is
    # -0.08 (1 - 0.32) / 0.84^2 = -0.0770975, the variance 2.154195; (0.693147 - 0.202733) 5 / 1.467718.
    found = steiger(0.6, 0.2, 0.0, 28)
    assert found is not None
    assert found.statistic == pytest.approx(1.670669, abs=1e-5)
    assert found.p == pytest.approx(0.5 * math.erfc(1.670669 / math.sqrt(2)), abs=1e-6)
    assert found.p_two_sided == pytest.approx(2 * found.p, abs=1e-12)


@pytest.mark.parametrize(
    ("r_a", "r_b", "r_ab", "n", "z"),
    # Printed by the R package cocor for published data; its inputs are rounded to 4 digits.
    [(0.0228, 0.3522, 0.3718, 553, -7.1345), (0.2493, 0.3395, 0.4082, 553, -2.0660)],
)
def test_steiger_as_cocor_prints_it(r_a: float, r_b: float, r_ab: float, n: int, z: float) -> None:
    found = steiger(r_a, r_b, r_ab, n)
    assert found is not None
    assert found.statistic == pytest.approx(z, abs=1e-3)
    if z == -2.0660:
        assert found.p_two_sided == pytest.approx(0.0388, abs=1e-4)


def test_williams_as_bruceR_prints_it() -> None:  # noqa: N802 (a package's name)
    # cor_diff(r1=0.20, r2=0.45, n=100, rcov=0.80): t(97) = -4.56, p = 1e-05.
    found = williams(0.20, 0.45, 0.80, 100)
    assert found is not None
    assert (found.statistic, found.df) == (pytest.approx(-4.56, abs=0.005), 97)
    assert found.p_two_sided == pytest.approx(1e-5, abs=0.6e-5)


def test_williams_by_hand() -> None:
    # r_a = 0.6, r_b = 0.2, r_ab = 0, n = 28: determinant 1 - 0.36 - 0.04 = 0.6, spread
    # 2 * 0.6 * 27 / 25 + 0.16 = 1.456; t = 0.4 sqrt(27 / 1.456).
    found = williams(0.6, 0.2, 0.0, 28)
    assert found is not None
    assert found.statistic == pytest.approx(0.4 * math.sqrt(27 / 1.456), abs=1e-12)
    assert found.df == 25
    assert (found.p, found.p_two_sided) == pytest.approx(
        (t.sf(found.statistic, 25), 2 * t.sf(found.statistic, 25))
    )


@pytest.mark.parametrize("test", [steiger, williams])
def test_exchanging_the_metrics_changes_the_sign(test) -> None:
    one, other = test(0.5, 0.3, 0.7, 100), test(0.3, 0.5, 0.7, 100)
    assert one.statistic == pytest.approx(-other.statistic, abs=1e-12)
    assert one.p == pytest.approx(1 - other.p, abs=1e-12)
    assert test(0.4, 0.4, 0.7, 100).p == pytest.approx(0.5, abs=1e-12)


@pytest.mark.parametrize("test", [steiger, williams])
def test_no_value_for_the_same_metric_or_too_few_images(test) -> None:
    assert test(0.5, 0.5, 1.0, 100) is None
    assert test(0.5, 0.3, 0.7, 3) is None
