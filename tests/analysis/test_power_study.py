"""The parts of the study of a design, each on scores whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from dreambench.analysis.power import Components, ScoredMethod, components, power, scored_methods
from dreambench.analysis.power_study import lite_agreement, power_study, simulated_power, wrong_winner
from dreambench.analysis.run_scores import read_run_scores
from dreambench.errors import DreambenchError
from dreambench.spec.protocol_spec import ProtocolSpec
from tests.analysis.material import image_row, make_run, make_spec


def noisy(name: str, shape: tuple[int, int, int], seed: int, spread: float = 0.3) -> ScoredMethod:
    return ScoredMethod(name, name, 0, np.random.default_rng(seed).normal(0.5, spread, shape))


def skewed(name: str, center: float, shape: tuple[int, int, int]) -> ScoredMethod:
    """Most scores are at ``center``; one is so low that the mean of a method with a high center is lower."""
    values = np.full(shape, center)
    values[0, 0, 0] -= 100 * center
    return ScoredMethod(name, name, 0, values)


def test_a_lite_subset_that_is_everything_ranks_as_everything_does() -> None:
    """8 subjects, 10 prompts and 2 images are all there is, so no draw differs, however noisy the scores."""
    methods = [noisy(name, (8, 10, 2), seed) for seed, name in enumerate("abcd")]
    found = lite_agreement("dino", methods)
    assert (found.tau, found.tau_low, found.same_best) == (pytest.approx(1), pytest.approx(1), 1)
    assert lite_agreement("dino", [skewed(n, c, (8, 10, 2)) for n, c in (("a", 1), ("b", 2))]).tau == 1


@pytest.mark.parametrize("shape", [(9, 10, 2), (8, 11, 2), (8, 10, 3)])
def test_a_lite_subset_leaves_out_what_is_more(shape: tuple[int, int, int]) -> None:
    found = lite_agreement("dino", [noisy(name, shape, seed) for seed, name in enumerate("abcd")])
    assert found.tau < 1
    assert found.tau_low < found.tau


def test_the_best_is_the_highest() -> None:
    far = noisy("far", (9, 11, 4), 0)
    near = [noisy(name, (9, 11, 4), seed) for seed, name in ((1, "b"), (2, "c"))]
    best = ScoredMethod("far", "far", 0, far.values + 1)
    assert lite_agreement("dino", [best, *near]).same_best == 1
    worst = ScoredMethod("far", "far", 0, far.values - 1)
    assert lite_agreement("dino", [worst, *near]).same_best < 1


def test_the_best_is_the_lowest_where_lower_is_better() -> None:
    near = [noisy(name, (9, 11, 4), seed) for seed, name in ((1, "b"), (2, "c"))]
    best = ScoredMethod("far", "far", 0, noisy("far", (9, 11, 4), 0).values - 1)
    assert lite_agreement("dreamsim", [best, *near]).same_best == 1


def test_the_wrong_winner_is_the_share_of_cells_that_say_otherwise() -> None:
    """Of 4 x 3 cells without noise, b is ahead in 9 by 0.1, and behind in 3."""
    ahead = np.full((4, 3, 4), 0.1)
    ahead[:, 0] = -0.1
    ahead[0, 0] = 0.1
    a = ScoredMethod("a", "a", 0, np.zeros((4, 3, 4)))
    assert wrong_winner("dino", [a, ScoredMethod("b", "b", 0, ahead)]).chance == pytest.approx(0.25, abs=0.03)


def test_simulated_experiments_spread_as_the_variance_of_few_subjects_says() -> None:
    """Of six subjects the plain spread would be 9% too small."""
    own = np.array([-1.2, -0.7, -0.1, 0.1, 0.7, 1.2])
    a = ScoredMethod("a", "a", 0, own[:, None, None] + np.zeros((6, 2, 2)))
    b = ScoredMethod("b", "b", 0, np.zeros((6, 2, 2)))
    dice = np.random.default_rng(99)
    unit = own / own.std(ddof=0) * own.std(ddof=1)
    drawn = dice.choice(unit, (20_000, 20)) + 0.45
    expected = np.mean(ttest_1samp(drawn, 0, axis=1).pvalue < 0.05)
    assert simulated_power(a, b, 0.45, 20) == pytest.approx(expected, abs=0.03)


def test_no_variance_finds_every_difference() -> None:
    assert power(0.01, 0.0, 5) == 1


def test_a_single_image_of_a_prompt_has_no_part_of_its_own() -> None:
    a, b = noisy("a", (30, 10, 1), 1), noisy("b", (30, 10, 1), 2)
    found = components([a, b])
    assert found.image == 0
    assert found.prompt == pytest.approx((a.values - b.values).var(axis=1, ddof=1).mean(), abs=1e-12)
    assert found.prompt == pytest.approx(2 * 0.3**2, rel=0.3)


def runs_of(path: Path, names: str, left_out: tuple[str, int] | None = None, scale: float = 1.0) -> list:
    """Two methods with two seeds each, over subjects with 2 prompts and 2 images."""
    scaled = {} if scale == 1 else {"metrics": ("dino",), "scale": {"dino": scale}}
    runs = []
    for steps, seed in ((1, 0), (1, 1), (2, 0), (2, 1)):
        dice = np.random.default_rng((steps, seed))
        cells = [(s, p, i) for s in names for p in range(2) for i in range(2) if (s, p) != left_out]
        spec = make_spec(seed=seed, protocol=ProtocolSpec(**scaled))
        spec = spec.model_copy(update={"method": spec.method.model_copy(update={"steps": steps})})
        rows = [image_row(*cell, tuple(scale * dice.normal(0.5, 0.1, 3))) for cell in cells]
        runs.append(make_run(path / f"{steps}-{seed}", rows, spec=spec, subjects=names))
    return read_run_scores(runs)


def test_runs_of_two_seeds_are_one_method(tmp_path: Path) -> None:
    methods = scored_methods(runs_of(tmp_path, "abcd"), "dino")
    assert [each.seed for each in methods] == [0, 1, 0, 1]
    assert methods[0].method == methods[1].method != methods[2].method == methods[3].method


def test_the_prediction_is_that_of_the_first_two_methods(tmp_path: Path) -> None:
    runs = runs_of(tmp_path, "abcdef")
    methods = scored_methods(runs, "dino")
    own: Components = components([methods[0], methods[2]])
    check = next(check for check in power_study(runs).checks if check.metric == "dino")
    assert (check.subjects, check.difference) == (30, 0.02)
    assert check.predicted == pytest.approx(power(0.02, own.variance(30, 2, 1, 2), 30), abs=1e-12)
    assert check.simulated == simulated_power(methods[0], methods[2], 0.02, 30)


def test_differences_are_on_the_scale_of_the_scores(tmp_path: Path) -> None:
    found = power_study(runs_of(tmp_path, "abcd", scale=100.0))
    assert [each.difference for each in found.designs] == [1, 2, 5]
    assert [check.difference for check in found.checks] == [2, 5]


@pytest.mark.parametrize(
    ("names", "left_out", "message"),
    [("abc", None, "fewer than 4 subjects"), ("abcd", ("a", 1), "lacks scores by DINO")],
)
def test_scores_that_are_too_few_are_refused(tmp_path: Path, names, left_out, message) -> None:
    with pytest.raises(DreambenchError, match=message):
        scored_methods(runs_of(tmp_path, names, left_out), "dino")
