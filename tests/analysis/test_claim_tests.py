"""The statistics of claims, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from dreambench.analysis.claim_tests import groups, not_lower

NAMES = [f"s{i:02d}" for i in range(12)]


def test_not_lower_by_more_than_a_margin() -> None:
    first = pd.Series(np.linspace(0.5, 0.6, 12), index=NAMES)
    close, far = not_lower(first, first + 0.01, 0.05), not_lower(first, first + 0.2, 0.05)
    assert close is not None
    assert far is not None
    assert (close.supports, far.supports) == (True, False)
    assert close.p == pytest.approx(2 / 2**12)
    assert far.p == pytest.approx(2 / 2**12)
    assert close.effect == pytest.approx(-0.01)


def test_groups_by_hand() -> None:
    """Welch (1947): the squared errors of both means add up, and have degrees of freedom of their own."""
    a, b = np.array([0.1, 0.4, 0.3, 0.9, 0.5]), np.array([0.2, 0.25, 0.3, 0.1, 0.15, 0.2])
    errors = a.var(ddof=1) / 5, b.var(ddof=1) / 6
    error, df = sum(errors) ** 0.5, sum(errors) ** 2 / (errors[0] ** 2 / 4 + errors[1] ** 2 / 5)
    effect, half = a.mean() - b.mean(), t.ppf(0.975, df) * error
    found = groups([*a, np.nan], b)
    assert found is not None
    assert (found.effect, found.n, found.supports) == (pytest.approx(effect), 11, True)
    assert found.p == pytest.approx(2 * t.sf(effect / error, df), abs=1e-12)
    assert found.ci95 == pytest.approx((effect - half, effect + half), abs=1e-12)
    other = groups(b, a)
    assert other is not None
    assert (other.supports, other.p) == (False, pytest.approx(found.p))


def test_groups_that_are_small_or_do_not_vary_decide_nothing() -> None:
    assert groups([1, 2, 3], [0, 1, 0, 1]) is None
    constant = groups([0.2] * 4, [0.1] * 5)
    assert constant is not None
    assert (constant.effect, constant.p, constant.ci95) == (pytest.approx(0.1), None, None)


def test_a_small_group_that_varies_more_is_not_found_to_differ() -> None:
    """9 subjects and 21: a permutation of the labels finds a difference of equal means in 15%."""
    dice = np.random.default_rng(5)
    found = [groups(dice.normal(0, 3, 9), dice.normal(0, 1, 21)) for _ in range(600)]
    assert np.mean([each.p < 0.05 for each in found]) < 0.08
