"""Paired differences over subjects, by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from dreambench.analysis.paired import RESAMPLES, SEED, holm, mean_interval, paired_difference


def series(**values: float) -> pd.Series:
    return pd.Series(values)


def test_the_sign_flip_test_by_hand() -> None:
    """Differences 1, 2, 3: of the eight signs only +++ and --- reach a mean as far from 0, so p = 2/8."""
    found = paired_difference(series(a=2, b=4, c=6), series(a=1, b=2, c=3))
    assert found is not None
    assert (found.mean, found.p, found.n, found.above) == (2, 0.25, 3, 3)
    # 1, 1, -1: means of +-1/3 in six of eight, of +-1 in two; all are at least as far out.
    found = paired_difference(series(a=1, b=1, c=0), series(a=0, b=0, c=1))
    assert found is not None
    assert found.p == 1


def test_subjects_are_matched_by_name_and_the_missing_left_out() -> None:
    found = paired_difference(series(a=1, b=2, c=float("nan"), d=5), series(b=1, a=1, c=0))
    assert found is not None
    assert (found.mean, found.n) == (0.5, 2)
    assert found.ci95 is None  # two subjects have no interval that would cover


def test_no_difference_and_no_subjects() -> None:
    same = paired_difference(series(a=1, b=2), series(a=1, b=2))
    assert same is not None
    assert (same.mean, same.p, same.ci95) == (0, 1, None)
    assert paired_difference(series(a=1), series(b=1)) is None
    one = paired_difference(series(a=1), series(a=0.25))
    assert one is not None
    assert (one.mean, one.ci95, one.p, one.n) == (0.75, None, None, 1)


def test_a_difference_in_the_last_bits_is_none() -> None:
    # Six subjects that all differ upwards would have p = 2 / 2^6 = 0.03.
    scores = pd.Series(np.linspace(0.3, 0.9, 6), index=list("abcdef"))
    found = paired_difference(scores + 2e-16, scores)
    assert found is not None
    assert (found.mean, found.ci95, found.p, found.n, found.above) == (0, (0, 0), 1, 6, 0)
    small = paired_difference(scores + 1e-9, scores)  # small, but a difference
    assert small is not None
    assert (small.p, small.above) == (2 / 2**6, 6)


def test_a_weighted_difference_by_hand() -> None:
    """Images 1, 3, 2 and none: weights 0.5, 1.5, 1, and the subject without an image is left out."""
    differences = np.array([0.1, 0.3, -0.2])
    found = paired_difference(
        series(a=0.1, b=0.3, c=-0.2, d=9.0), series(a=0, b=0, c=0, d=0), series(a=1, b=3, c=2, d=0)
    )
    assert found is not None
    assert found.mean == pytest.approx((0.1 + 3 * 0.3 - 2 * 0.2) / 6, abs=1e-12)
    assert (found.n, found.above) == (3, 2)
    parts = np.array([0.5, 1.5, 1.0]) * differences
    sums = [abs((parts * signs).sum()) for signs in product((-1, 1), repeat=3)]
    assert found.p == pytest.approx(np.mean(np.array(sums) >= abs(parts.sum()) - 1e-12))


def test_holm_by_hand() -> None:
    """Holm (1979): 0.01 x 4, 0.02 x 3, then no smaller than the one before; None is not counted."""
    assert holm([0.02, 0.01, None, 0.04, 0.03]) == pytest.approx([0.06, 0.04, None, 0.06, 0.06], nan_ok=True)
    assert holm([0.04, None, 0.01, 0.03]) == pytest.approx([0.06, None, 0.03, 0.06], nan_ok=True)
    assert holm([0.6, 0.9]) == holm([0.9, 0.8]) == [1.0, 1.0]


def test_many_subjects_have_a_small_p_value() -> None:
    names = [f"s{i}" for i in range(30)]
    better = pd.Series(range(30), index=names, dtype=float) + 1
    found = paired_difference(better, better - 0.1)
    assert found is not None
    assert found.p == pytest.approx(0, abs=1e-3)
    assert found.ci95 == pytest.approx((0.1, 0.1))


def test_the_intervals_ends_are_order_statistics_of_the_resamples() -> None:
    """Of 10,000 the 251st and the 9,750th, and nothing between two of them.

    In binary, (1 - 0.95) / 2 is a little more than 0.025, which would be the 250th.
    """
    values = np.random.default_rng(4).gamma(2, size=12)
    drawn = np.sort(values)[np.random.default_rng(SEED).integers(0, 12, (RESAMPLES, 12))]
    t = np.sort((drawn.mean(axis=1) - values.mean()) / drawn.std(axis=1, ddof=1) * 12**0.5)
    error = values.std(ddof=1) / 12**0.5
    expected = values.mean() - t[9749] * error, values.mean() - t[250] * error
    assert mean_interval(values) == pytest.approx(expected, abs=1e-12)


def test_the_interval_has_the_level_that_it_states() -> None:
    """Of many nearly normal values, it is Student's interval: at 90% it would be 16% narrower."""
    from scipy.stats import norm, t

    values = 0.5 + 0.1 * norm.ppf((np.arange(200) + 0.5) / 200)
    low, high = mean_interval(values)
    half = t.ppf(0.975, 199) * values.std(ddof=1) / 200**0.5
    assert high - low == pytest.approx(2 * half, rel=0.05)
