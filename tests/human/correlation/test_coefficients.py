"""Correlation coefficients and their intervals, against values derived by hand and printed ones."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dreambench.human.correlation.coefficients import KINDS, coefficient, fisher_interval


def test_coefficients_by_hand() -> None:
    # Deviations x: -2 -1 0 1 2, y: -1 -2 1 0 2: products 2+2+0+0+4 = 8, both sums of squares 10: r = 0.8;
    # both are ranks already. Of 10 pairs, (1,2) and (3,4) are discordant: tau = (8 - 2) / 10.
    x, y = np.array([1.0, 2, 3, 4, 5]), np.array([2.0, 1, 4, 3, 5])
    expected = {"pearson": 0.8, "spearman": 0.8, "kendall": 0.6}
    for kind in KINDS:
        assert coefficient(kind, x, y)[0] == pytest.approx(expected[kind], abs=1e-12)


def test_ties_take_mid_ranks_and_tau_b() -> None:
    # Ranks of x: 1.5 1.5 3, of y: 1 2 3: products of deviations (-.5)(-1) + 0 + (1)(1) = 1.5 over
    # sqrt(1.5 * 2). Of 3 pairs one is tied in x: tau-b = 2 / sqrt(2 * 3).
    x, y = np.array([0.0, 0, 1]), np.array([5.0, 6, 7])
    assert coefficient("spearman", x, y)[0] == pytest.approx(1.5 / math.sqrt(3), abs=1e-12)
    assert coefficient("kendall", x, y)[0] == pytest.approx(2 / math.sqrt(6), abs=1e-12)


def test_p_of_pearson_is_that_of_students_t() -> None:
    # r = 0.8 with n = 5: t = 0.8 sqrt(3 / 0.36) = 2.309 with 3 degrees of freedom. There the law has the
    # closed form P(T > t) = 1/2 - (atan(u) + u / (1 + u^2)) / pi with u = t / sqrt(3).
    x, y = np.array([1.0, 2, 3, 4, 5]), np.array([2.0, 1, 4, 3, 5])
    u = 0.8 / 0.6
    expected = 1 - 2 / math.pi * (math.atan(u) + u / (1 + u * u))
    assert coefficient("pearson", x, y)[1] == pytest.approx(expected, abs=1e-12)


def test_papers_p_value_is_that_of_1200_images() -> None:
    # The paper prints r = 0.32 and p = 9.44e-30. r is rounded, so p is right to its order.
    x = np.arange(1200.0)
    y = np.random.default_rng(0).permutation(x)
    r = np.corrcoef(x, y)[0, 1]
    direction = (y - y.mean()) - r * (x - x.mean())
    direction *= x.std() / direction.std()
    made = 0.32 * (x - x.mean()) + math.sqrt(1 - 0.32**2) * direction
    found, p = coefficient("pearson", x, made)
    assert found == pytest.approx(0.32, abs=1e-12)
    assert p is not None
    assert 1e-31 < p < 1e-28


@pytest.mark.parametrize("kind", KINDS)
def test_no_coefficient_without_spread_or_images(kind) -> None:
    assert coefficient(kind, np.array([1.0, 1, 1]), np.array([1.0, 2, 3])) == (None, None)
    assert coefficient(kind, np.array([1.0, 2]), np.array([1.0, 2])) == (None, None)


def test_fisher_intervals_by_hand() -> None:
    # n = 28, r = 0.5: atanh(0.5) = 0.549306, 1.959964 / 5 = 0.391993; tanh(0.157313), tanh(0.941299).
    assert fisher_interval("pearson", 0.5, 28) == pytest.approx((0.15603, 0.73585), abs=1e-4)
    # Spearman: times sqrt(1 + 0.125). Kendall: sqrt(0.437 / 24) = 0.134938.
    low, high = fisher_interval("spearman", 0.5, 28) or (0, 0)
    half = 1.959964 / 5 * math.sqrt(1.125)
    assert (math.atanh(low), math.atanh(high)) == pytest.approx((0.549306 - half, 0.549306 + half), abs=1e-5)
    low, high = fisher_interval("kendall", 0.5, 28) or (0, 0)
    half = 1.959964 * 0.134938
    assert (math.atanh(low), math.atanh(high)) == pytest.approx((0.549306 - half, 0.549306 + half), abs=1e-5)


def test_fisher_intervals_at_the_ends() -> None:
    assert fisher_interval("pearson", 1.0, 10) == (1.0, 1.0)
    assert fisher_interval("pearson", None, 10) is None
    assert fisher_interval("pearson", 0.5, 3) is None
    assert fisher_interval("kendall", 0.5, 4) is None
