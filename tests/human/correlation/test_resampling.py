"""The clustered bootstrap: coefficients of the resampled rows, intervals of whole clusters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from dreambench.analysis.paired import RESAMPLES
from dreambench.human.correlation.coefficients import KINDS
from dreambench.human.correlation.resampling import (
    KENDALL_RESAMPLES,
    cluster_counts,
    percentile_interval,
    resampled_coefficients,
    resampled_ranks,
)

RNG = np.random.default_rng(3)
CLUSTERS = np.array([f"s{i // 3}" for i in range(36)])
X = np.round(RNG.normal(size=36), 1)  # with ties
Y = np.round(X + RNG.normal(size=36))


def test_each_coefficient_is_scipys_on_the_rows_that_were_drawn() -> None:
    draws = resampled_coefficients({"x": X}, {"y": Y}, CLUSTERS)["x", "y"]
    counts = np.concatenate(list(cluster_counts(CLUSTERS)))
    assert [len(draws[kind]) for kind in KINDS] == [RESAMPLES, RESAMPLES, KENDALL_RESAMPLES]
    functions = {"pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall": stats.kendalltau}
    for number in (0, 1, 2, 999, 1000, 1001, 1999):
        drawn = np.repeat(np.arange(36), counts[number].astype(int))
        for kind in KINDS:
            expected = functions[kind](X[drawn], Y[drawn]).statistic
            assert draws[kind][number] == pytest.approx(expected, abs=1e-12), (number, kind)


def test_whole_clusters_are_drawn_as_many_as_there_are() -> None:
    counts = np.concatenate(list(cluster_counts(CLUSTERS, resamples=50)))
    assert counts.shape == (50, 36)
    by_cluster = counts.reshape(50, 12, 3)
    assert (by_cluster == by_cluster[:, :, :1]).all()
    assert (by_cluster[:, :, 0].sum(axis=1) == 12).all()


def test_ranks_within_a_resample_by_hand() -> None:
    # The rows 10, 20, 20, 30 with counts 2, 1, 0, 1 are 10, 10, 20, 30: ranks 1.5, 1.5, 3, 4.
    ranks = resampled_ranks(np.array([[2.0, 1, 0, 1]]), np.array([10.0, 20, 20, 30]))
    assert ranks[0, [0, 1, 3]] == pytest.approx([1.5, 3, 4])


def test_order_of_rows_changes_nothing() -> None:
    mixed = RNG.permutation(36)
    one = resampled_coefficients({"x": X}, {"y": Y}, CLUSTERS)["x", "y"]
    other = resampled_coefficients({"x": X[mixed]}, {"y": Y[mixed]}, CLUSTERS[mixed])["x", "y"]
    for kind in KINDS:
        assert percentile_interval(one[kind]) == pytest.approx(percentile_interval(other[kind]), abs=1e-9)


def test_copies_of_an_image_in_a_cluster_do_not_narrow_the_interval() -> None:
    one = resampled_coefficients({"x": X}, {"y": Y}, [f"s{i}" for i in range(36)], {"pearson": RESAMPLES})
    copies = [np.repeat(v, 5) for v in (X, Y, np.array([f"s{i}" for i in range(36)]))]
    other = resampled_coefficients({"x": copies[0]}, {"y": copies[1]}, copies[2], {"pearson": RESAMPLES})
    expected = percentile_interval(one["x", "y"]["pearson"])
    assert percentile_interval(other["x", "y"]["pearson"]) == pytest.approx(expected, abs=1e-9)


def test_interval_of_independent_normal_images_is_fishers() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000)
    y = 0.5 * x + math.sqrt(0.75) * rng.normal(size=1000)
    found = resampled_coefficients({"x": x}, {"y": y}, np.arange(1000), {"pearson": RESAMPLES})
    draws = found["x", "y"]["pearson"]
    center, half = math.atanh(np.corrcoef(x, y)[0, 1]), 1.96 / math.sqrt(997)
    expected = (math.tanh(center - half), math.tanh(center + half))
    assert percentile_interval(draws) == pytest.approx(expected, abs=0.01)


def test_no_interval_where_nothing_can_be_drawn_or_has_a_value() -> None:
    single = resampled_coefficients({"x": X}, {"y": Y}, ["one"] * 36)["x", "y"]
    assert all(percentile_interval(single[kind]) is None for kind in KINDS)
    constant = resampled_coefficients({"x": X}, {"y": np.ones(36)}, CLUSTERS)["x", "y"]
    assert all(np.isnan(constant[kind]).all() for kind in KINDS)
    assert percentile_interval(constant["pearson"]) is None
    assert percentile_interval(np.array([0.0, 1.0, np.nan])) == pytest.approx((0.025, 0.975))
    assert percentile_interval(np.array([0.0, np.nan, np.nan])) is None
