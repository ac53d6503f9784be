"""The tolerance of the check: by hand, and on simulated seeds of unchanged and of changed code."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dreambench.analysis.baseline import Baseline, Expected
from dreambench.analysis.regression import compare
from dreambench.analysis.resolution import FLOOR, enough, refuse_blind, tolerance, widest
from dreambench.analysis.run_scores import read_run_scores
from dreambench.analysis.seed_noise import baseline_of, effective_df, metric_baseline
from dreambench.errors import DreambenchError
from tests.analysis.material import image_row, make_run, make_spec

SIGNATURE = "dreambench:0.1|n:1"
SUBJECTS = [f"s{i}" for i in range(10)]


@pytest.mark.parametrize(
    # Quantiles from the printed table of Student's t: two-sided 0.05 and 0.01.
    ("df", "runs", "level", "quantile"),
    [(4, 5, 0.05, 2.776), (2, 3, 0.05, 4.303), (10, 5, 0.01, 3.169), (2, 3, 0.01, 9.925)],
)
def test_tolerance_is_the_prediction_interval(df: int, runs: int, level: float, quantile: float) -> None:
    expected = quantile * 0.02 * (1 + 1 / runs) ** 0.5
    found = tolerance(Expected(mean=0.5, sd=0.02, df=df), runs, level)
    assert found == pytest.approx(expected, rel=3e-4)


def test_no_noise_leaves_the_floor() -> None:
    assert tolerance(Expected(mean=0.5, sd=0.0, df=4), 3, 1e-3) == FLOOR
    found = metric_baseline(pd.DataFrame({"a": [0.5, 0.5], "b": [0.25, 0.25]}))
    assert found.overall == Expected(mean=0.375, sd=0, df=2)


def test_effective_df_counts_the_subjects_that_make_the_noise() -> None:
    assert effective_df(np.array([1.0, 1.0, 1.0]), 2) == pytest.approx(6)
    assert effective_df(np.array([1.0, 0.0, 0.0]), 2) == pytest.approx(2)
    assert effective_df(np.array([0.0, 0.0]), 3) == 6


def test_subjects_that_move_together_give_the_few_degrees_of_freedom_of_the_runs() -> None:
    together = pd.DataFrame({name: [0.4, 0.5, 0.6] for name in SUBJECTS})
    found = metric_baseline(together)
    for expected in (found.overall, *found.subjects.values()):
        assert (expected.sd, expected.df) == (pytest.approx(0.1), 2)
    apart = pd.DataFrame(np.random.default_rng(3).normal(0.5, 0.1, (3, 10)), columns=SUBJECTS)
    assert metric_baseline(apart).overall.df > 8


def _moved(
    rng: np.random.Generator,
    alpha: float,
    sds: np.ndarray,
    shift: np.ndarray | float,
    runs: int = 3,
    common: float = 0.0,
) -> list[str | None]:
    """Draw a baseline's runs and one more, and return the subjects that moved (None is the mean).

    ``common`` is the standard deviation of what a seed adds to all subjects.
    """
    levels = rng.uniform(0.3, 0.8, len(SUBJECTS))
    drawn = pd.DataFrame(levels + sds * rng.standard_normal((runs, len(SUBJECTS))), columns=SUBJECTS)
    new = levels + shift + sds * rng.standard_normal(len(SUBJECTS))
    if common:
        drawn = drawn.add(common * rng.standard_normal(runs), axis="index")
        new = new + common * rng.standard_normal()
    baseline = Baseline(
        signature=SIGNATURE,
        runs=tuple(f"seed {i}" for i in range(runs)),
        alpha=alpha,
        metrics={"dino": metric_baseline(drawn)},
    )
    means = pd.DataFrame({"dino": new}, index=SUBJECTS)
    return [c.subject for c in compare(means, baseline) if c.moved]


@pytest.mark.parametrize(("alpha", "allowed"), [(0.05, 0.05), (0.001, 0.005)])
@pytest.mark.parametrize("spread", [0.0, 0.4], ids=["equal noise", "unequal noise"])
def test_unchanged_code_passes_about_always(alpha: float, allowed: float, spread: float) -> None:
    rng = np.random.default_rng(7)
    draws = 400
    failed = 0
    for _ in range(draws):
        sds = 0.02 * np.exp(spread * rng.standard_normal(len(SUBJECTS)))
        failed += bool(_moved(rng, alpha, sds, 0.0))
    print(f"{failed} of {draws} false alarms at alpha {alpha}, spread {spread}")
    assert failed / draws <= allowed


def test_unchanged_code_passes_where_all_subjects_move_together() -> None:
    rng = np.random.default_rng(23)
    sds = np.full(len(SUBJECTS), 0.001)
    failed = sum(bool(_moved(rng, 0.001, sds, 0.0, common=0.1)) for _ in range(400))
    print(f"{failed} of 400 false alarms")
    assert failed / 400 <= 0.005


def test_a_shift_of_everything_is_found_in_the_mean() -> None:
    rng = np.random.default_rng(11)
    sds = np.full(len(SUBJECTS), 0.02)
    found = [None in _moved(rng, 0.001, sds, -0.1) for _ in range(200)]
    assert np.mean(found) > 0.9


def test_a_shift_of_one_subject_is_found_at_that_subject() -> None:
    rng = np.random.default_rng(13)
    sds = np.full(len(SUBJECTS), 0.02)
    shift = np.zeros(len(SUBJECTS))
    shift[4] = -0.3
    found = [_moved(rng, 0.001, sds, shift) for _ in range(200)]
    assert np.mean(["s4" in moved for moved in found]) > 0.9
    assert not {name for moved in found for name in moved} - {"s4", None}


def test_a_run_of_the_baseline_passes_however_its_noise_falls() -> None:
    rng = np.random.default_rng(17)
    for _ in range(100):
        drawn = pd.DataFrame(rng.normal(0.5, rng.uniform(0, 0.2, 10), (3, 10)), columns=SUBJECTS)
        baseline = Baseline(
            signature=SIGNATURE, runs=("0", "1", "2"), metrics={"dino": metric_baseline(drawn)}
        )
        for _, run in drawn.iterrows():
            means = pd.DataFrame({"dino": run.to_numpy()}, index=SUBJECTS)
            assert not any(c.moved for c in compare(means, baseline))


def _baseline(runs: int, subjects: int, noise: float = 0.05) -> Baseline:
    """Return the baseline of runs with independent noise, a DINO of 0.5."""
    names = [f"s{i}" for i in range(subjects)]
    drawn = pd.DataFrame(np.random.default_rng(19).normal(0.5, noise, (runs, subjects)), columns=names)
    return Baseline(
        signature=SIGNATURE,
        runs=tuple(f"seed {i}" for i in range(runs)),
        metrics={"dino": metric_baseline(drawn)},
    )


def test_a_tolerance_may_be_a_tenth_of_the_range() -> None:
    assert widest("dino") == pytest.approx(0.2)
    assert widest("div") == pytest.approx(0.1)  # LPIPS has no upper end: its range counts as 1


def test_few_seeds_of_few_subjects_are_refused_with_the_numbers_that_would_do() -> None:
    few = _baseline(3, 2)
    with pytest.raises(DreambenchError, match="wider than a tenth of its range") as refused:
        refuse_blind(few)
    assert enough(few) in str(refused.value)
    seeds, subjects = map(int, re.findall(r"about (\d+)", enough(few)))
    refuse_blind(_baseline(seeds + 2, 2))
    refuse_blind(_baseline(3, subjects + 2))


def test_a_blind_mean_is_told_and_not_passed() -> None:
    few = _baseline(3, 2)
    means = pd.DataFrame({"dino": [0.9, 0.9]}, index=["s0", "s1"])
    mean = next(compare(means, few))
    assert (mean.subject, mean.moved, mean.blind) == (None, False, True)


def test_a_run_without_a_metric_of_the_others_is_named(tmp_path: Path) -> None:
    rows = [image_row(name, 0, image, (0.5, 0.6, 0.3)) for name in ("ant", "bee") for image in (0, 1)]
    pairs = [{"subject": name, "prompt_index": 0, "pair": "0-1", "lpips": 0.4} for name in ("ant", "bee")]
    runs = [
        make_run(tmp_path / str(seed), rows, spec=make_spec(seed=seed, prompts="0"), tables=tables)
        for seed, tables in ((0, {}), (1, {"diversity": pairs}))
    ]
    for order in (runs, runs[::-1]):
        with pytest.raises(DreambenchError, match=r"0 lacks div, which another run has"):
            baseline_of(read_run_scores(order))
