"""Intervals and tests over samples whose images are alike, against a bootstrap that draws rows of a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dreambench.analysis.paired import holm
from dreambench.human.correlation import RatedImages, correlate
from dreambench.human.correlation.coefficients import steiger, williams
from dreambench.human.correlation.ranking import rank_task
from dreambench.human.correlation.raters import agreement, upper_bound
from dreambench.human.correlation.resampling import percentile_interval, two_sided_p, weighted_pearson
from dreambench.human.imagenhub_tasks import TASKS, TaskRatings

SAMPLES, METHODS = 40, 6


@pytest.fixture(scope="module")
def rated() -> RatedImages:
    """Images whose scores are mostly their sample's; DINO follows the raters better than CLIP-I."""
    dice = np.random.default_rng(12)
    own = {name: np.repeat(dice.normal(size=SAMPLES), METHODS) for name in ("sc", "dino", "clip_i")}
    noise = {name: 0.4 * dice.normal(size=SAMPLES * METHODS) for name in own}
    truth = own["sc"] + noise["sc"]
    images = pd.DataFrame(
        {
            "sample": [f"s{i}" for i in range(SAMPLES) for _ in range(METHODS)],
            "method": [f"m{i}" for _ in range(SAMPLES) for i in range(METHODS)],
            "dino": truth + own["dino"] + noise["dino"],
            "clip_i": truth + 1.5 * own["clip_i"] + noise["clip_i"],
        }
    )
    ratings = np.digitize(truth[:, None] + 0.5 * dice.normal(size=(len(truth), 3)), [-0.5, 0.5]) / 2
    images["sc"] = ratings.mean(axis=1)
    return RatedImages(images, ("dino", "clip_i"), ("sc",), ("a", "b", "c"), {"sc": ratings})


def drawn(rated: RatedImages, whole_samples: bool, count: int = 3000) -> np.ndarray:
    """Return r of DINO and of CLIP-I in resamples of rows of a table, [count, 2]."""
    dice = np.random.default_rng(77)
    table = rated.images[["dino", "clip_i", "sc"]].to_numpy()
    blocks = table.reshape(SAMPLES, METHODS, 3) if whole_samples else table[:, None]
    found = []
    for _ in range(count):
        rows = blocks[dice.integers(0, len(blocks), len(blocks))].reshape(-1, 3)
        found.append(np.corrcoef(rows, rowvar=False)[:2, 2])
    return np.array(found)


def width(interval: tuple[float, float] | None) -> float:
    assert interval is not None
    return interval[1] - interval[0]


def test_intervals_and_the_paired_test_draw_whole_samples(rated: RatedImages) -> None:
    by_sample, by_image = drawn(rated, True), drawn(rated, False)
    found = correlate([rated], "data")
    (test,) = found.paired
    for position, metric in enumerate(rated.metrics):
        row = next(row for row in found.rows if row.metric == metric)
        ends = np.quantile(by_sample[:, position], [0.025, 0.975])
        assert row.pearson.ci95_bootstrap == pytest.approx(tuple(ends), abs=0.02)
        assert width(row.pearson.ci95_bootstrap) > 1.5 * np.ptp(
            np.quantile(by_image[:, position], [0.025, 0.975])
        )
    differences = by_sample[:, 0] - by_sample[:, 1]
    assert test.ci95_bootstrap == pytest.approx(tuple(np.quantile(differences, [0.025, 0.975])), abs=0.02)
    below = float(np.mean(differences <= 0))
    assert 0.005 < below < 0.3  # neither sure nor a toss
    assert test.p_bootstrap == pytest.approx(below, abs=0.02)
    assert test.p_bootstrap_two_sided == pytest.approx(2 * below, abs=0.04)
    assert found.comparison is not None
    assert found.comparison.p == test.p_bootstrap_two_sided


def test_the_tests_of_independent_images_are_of_dino_minus_clip_i(rated: RatedImages) -> None:
    (test,) = correlate([rated], "data").paired
    r = np.corrcoef(rated.images[["dino", "clip_i", "sc"]].to_numpy(), rowvar=False)
    z, t = (each(r[0, 2], r[1, 2], r[0, 1], SAMPLES * METHODS) for each in (steiger, williams))
    assert z is not None
    assert t is not None
    assert test.steiger_z == pytest.approx(z.statistic)
    assert (test.steiger_p, test.steiger_p_two_sided) == pytest.approx((z.p, z.p_two_sided))
    assert test.williams_t == pytest.approx(t.statistic)
    assert (test.williams_p, test.williams_p_two_sided) == pytest.approx((t.p, t.p_two_sided))


def test_no_difference_in_any_resample_is_not_a_p_of_0(rated: RatedImages) -> None:
    images = rated.images.assign(dino=rated.images["sc"], clip_i=-rated.images["sc"])
    perfect = RatedImages(images, rated.metrics, rated.humans, rated.raters, rated.ratings)
    (test,) = correlate([perfect], "data").paired
    assert test.p_bootstrap == pytest.approx(1 / 10_001)


def test_the_agreement_of_raters_draws_whole_samples(rated: RatedImages) -> None:
    ratings = rated.ratings["sc"]
    by_sample = agreement("sc", ratings, rated.images["sample"].to_numpy())
    by_image = agreement("sc", ratings, np.arange(len(ratings)))
    assert by_sample.alpha == by_image.alpha
    assert width(by_sample.ci95) > 1.2 * width(by_image.ci95)
    assert correlate([rated], "data").agreement == (by_sample,)


def test_a_rater_without_a_coefficient_in_a_resample_leaves_the_others_mean() -> None:
    """Rater c says 1 of one image alone, so a third of the resamples have no coefficient of c."""
    dice = np.random.default_rng(2)
    first = dice.choice([0.0, 0.5, 1.0], 30)
    second = np.where(dice.random(30) < 0.7, first, 0.5)
    third = np.zeros(30)
    third[4] = 1.0
    found = upper_bound("sc", ("a", "b", "c"), np.stack([first, second, third], axis=1), np.arange(30))
    assert found.raters == 3
    assert found.pearson_ci95_bootstrap is not None
    shown = [np.stack([first, second, third], axis=1)[dice.integers(0, 30, 30)] for _ in range(3000)]
    means = []
    for rows in shown:
        pairs = [(rows[:, i], np.delete(rows, i, axis=1).mean(axis=1)) for i in range(3)]
        means.append(np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs if np.ptp(a) and np.ptp(b)]))
    assert found.pearson_ci95_bootstrap == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.06)


def test_a_ranking_draws_whole_samples_and_corrects_its_tests(rated: RatedImages) -> None:
    dice = np.random.default_rng(1)
    images = rated.images.assign(judge=rated.images["sc"] + 0.6 * dice.normal(size=len(rated.images)))
    guessed = pd.DataFrame(index=images.index)
    given = (
        TASKS["editing"],
        images,
        ("dino", "clip_i"),
        ("judge",),
        guessed,
        rated.raters,
        rated.ratings["sc"],
    )
    ranked = rank_task(TaskRatings(*given))
    assert [each.pearson.r for each in ranked.scorers] == sorted(
        (each.pearson.r for each in ranked.scorers), reverse=True
    )
    assert len(ranked.pairs) == 2
    assert [pair.p_holm for pair in ranked.pairs] == holm([pair.p for pair in ranked.pairs])
    assert [pair.p_holm for pair in ranked.pairs] != [pair.p for pair in ranked.pairs]
    differences = np.subtract(*drawn(rated, True).T)
    pair = next(pair for pair in ranked.pairs if pair.second == "clip_i")
    assert pair.ci95 == pytest.approx(tuple(np.quantile(differences, [0.025, 0.975])), abs=0.02)


def test_a_two_sided_p_by_hand() -> None:
    """Twice the rarer side, with one more on both sides of the fraction, and never above 1."""
    assert two_sided_p(np.array([-1.0, *[1.0] * 18, np.nan])) == pytest.approx(2 * (1 + 1) / (19 + 1))
    assert two_sided_p(np.ones(99)) == pytest.approx(2 / 100)
    assert two_sided_p(np.zeros(5)) == 1


def test_two_clusters_are_enough_and_a_coefficient_is_at_most_one() -> None:
    x = np.array([0.1, 0.2, 0.3, 0.7])
    counts = np.random.default_rng(0).multinomial(4, [0.25] * 4, size=2000).astype(float)
    found = weighted_pearson(counts, x, 3 * x)
    assert np.nanmax(found) == 1
    assert percentile_interval(found) == pytest.approx((1, 1))
    ratings = np.array([[0, 0, 0.5], [0.5, 0.5, 1], [1, 1, 1], [0, 0.5, 0.5]])
    assert (
        upper_bound("sc", ("a", "b", "c"), ratings, ["x", "x", "y", "y"]).pearson_ci95_bootstrap is not None
    )
