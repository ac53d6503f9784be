"""Correlations, their intervals and tests, agreement of raters: by hand, or against published examples."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dreambench.human.correlation import RatedImages, correlate
from dreambench.human.correlation.coefficients import coefficient, fisher_interval, steiger, williams
from dreambench.human.correlation.raters import agreement, upper_bound
from dreambench.human.correlation.resampling import (
    cluster_counts,
    percentile_interval,
    resampled_ranks,
    weighted_kendall,
    weighted_pearson,
)

NAN = math.nan


def test_coefficients_by_hand() -> None:
    """Ranks 1, 2, 3, 4 against 1, 3, 2, 4: one of six pairs is discordant."""
    x, y = np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4])
    assert coefficient("pearson", x, y)[0] == pytest.approx(0.8)
    assert coefficient("spearman", x, y)[0] == pytest.approx(0.8)
    assert coefficient("kendall", x, y)[0] == pytest.approx(4 / 6)
    assert coefficient("pearson", x, np.ones(4)) == (None, None)


def test_fishers_interval_by_hand() -> None:
    """r = 0.5 and n = 28: atanh is 0.5493, its error 0.2, and tanh(0.5493 -+ 0.3920)."""
    assert fisher_interval("pearson", 0.5, 28) == pytest.approx((0.1560, 0.7358), abs=1e-4)
    assert fisher_interval("pearson", 0.5, 3) is None
    wider = fisher_interval("spearman", 0.5, 28)
    assert wider is not None
    assert wider[0] < 0.1560


def test_williams_t_is_that_of_the_determinant() -> None:
    """Steiger 1980, equation 7, with the determinant of the correlation matrix taken numerically."""
    r_a, r_b, r_ab, n = 0.53, 0.36, 0.61, 103
    matrix = np.array([[1, r_a, r_b], [r_a, 1, r_ab], [r_b, r_ab, 1]])
    mean = (r_a + r_b) / 2
    below = 2 * (n - 1) / (n - 3) * np.linalg.det(matrix) + mean**2 * (1 - r_ab) ** 3
    found = williams(r_a, r_b, r_ab, n)
    assert found is not None
    assert found.statistic == pytest.approx((r_a - r_b) * math.sqrt((n - 1) * (1 + r_ab) / below))
    assert found.p_two_sided == pytest.approx(2 * stats.t.sf(found.statistic, 100))
    other = williams(r_b, r_a, r_ab, n)
    assert other is not None
    assert other.statistic == pytest.approx(-found.statistic)
    assert other.p == pytest.approx(1 - found.p)


def test_both_tests_keep_their_level_and_find_a_difference() -> None:
    rng = np.random.default_rng(3)
    found = {"same": [], "other": []}
    for _ in range(800):
        truth, shared = rng.normal(size=(2, 60))
        a, b = truth + shared + rng.normal(size=60), truth + shared + rng.normal(size=60)
        for name, second in (("same", b), ("other", b + 2 * rng.normal(size=60))):
            rs = [np.corrcoef(*pair)[0, 1] for pair in ((a, truth), (second, truth), (a, second))]
            z, t = steiger(*rs, 60), williams(*rs, 60)
            assert z is not None
            assert t is not None
            found[name].append((z.p_two_sided, t.p_two_sided))
    level = (np.array(found["same"]) < 0.05).mean(axis=0)
    assert level == pytest.approx([0.05, 0.05], abs=0.025)
    assert ((np.array(found["other"]) < 0.05).mean(axis=0) > 0.4).all()


def test_a_resample_by_counts_is_the_resample_written_out() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 4, 30).astype(float), rng.normal(size=30)
    clusters = np.arange(30) // 3
    counts = next(iter(cluster_counts(clusters, resamples=5)))
    assert (counts.sum(axis=1) == 30).all()
    assert (counts.reshape(5, 10, 3) == counts.reshape(5, 10, 3)[..., :1]).all()  # whole clusters
    for row, pearson, kendall, rank_x, rank_y in zip(
        counts.astype(int),
        weighted_pearson(counts, x, y),
        weighted_kendall(counts, x, y),
        resampled_ranks(counts, x),
        resampled_ranks(counts, y),
        strict=True,
    ):
        written = np.repeat(np.arange(30), row)
        assert pearson == pytest.approx(stats.pearsonr(x[written], y[written]).statistic)
        assert kendall == pytest.approx(stats.kendalltau(x[written], y[written]).statistic)
        spearman = stats.spearmanr(x[written], y[written]).statistic
        assert np.corrcoef(rank_x[written], rank_y[written])[0, 1] == pytest.approx(spearman)


def test_percentiles_and_their_absence() -> None:
    assert percentile_interval(np.arange(1001.0)) == pytest.approx((25, 975))
    assert percentile_interval(np.array([NAN, NAN, 1])) is None


def test_krippendorffs_own_example() -> None:
    """Krippendorff 2011, "Computing Krippendorff's alpha-reliability", data C: ordinal alpha 0.815."""
    a = [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN]
    b = [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3]
    c = [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN]
    d = [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN]
    found = agreement("sc", np.array([a, b, c, d]).T, np.arange(12))
    assert found.alpha == pytest.approx(0.815, abs=5e-4)
    assert (found.n, found.raters) == (11, 4)  # the last unit has one rating


def test_the_upper_bound_is_one_rater_against_the_others() -> None:
    ratings = np.array([[0, 0, 0.5], [0.5, 1, 1], [1, 1, 0], [0, 0.5, 0.5], [1, 0.5, 1.0]])
    by_hand = [np.corrcoef(ratings[:, i], np.delete(ratings, i, axis=1).mean(axis=1))[0, 1] for i in range(3)]
    found = upper_bound("sc", ("r1", "r2", "r3"), ratings, np.arange(5))
    assert found.pearson == pytest.approx(np.mean(by_hand))
    assert found.by_rater == pytest.approx(dict(zip(("r1", "r2", "r3"), by_hand, strict=True)))


def test_rows_without_a_score_are_left_out_and_counted() -> None:
    images = pd.DataFrame(
        {
            "sample": [f"s{i}" for i in range(8)],
            "method": ["m"] * 8,
            "dino": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, NAN, 0.8],
            "clip_i": [0.3, 0.2, 0.5, 0.4, 0.6, 0.5, 0.7, 0.8],
            "sc": [0, 0, 0.5, 0.5, 1, 1, 1, 0.5],
        }
    )
    ratings = {"sc": images[["sc"]].to_numpy()}
    found = correlate(
        [RatedImages(images, ("dino", "clip_i"), ("sc",), ("r",), ratings, {"gone": 1})], "data"
    )
    assert (found.n, found.left_out, found.left_out_by) == (7, 1, {"gone": 1})
    kept = images.dropna()
    row = next(row for row in found.rows if row.metric == "dino")
    assert row.pearson.r == pytest.approx(np.corrcoef(kept["dino"], kept["sc"])[0, 1])
    (test,) = found.paired
    other = np.corrcoef(kept["clip_i"], kept["sc"])[0, 1]
    assert test.difference == pytest.approx(row.pearson.r - other)
