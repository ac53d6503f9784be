"""Levels, directions and verdicts of the check, and how many seeds or subjects would do: by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from dreambench.analysis.baseline import Baseline, Expected
from dreambench.analysis.coverage import Coverage
from dreambench.analysis.regression import Check, Comparison, compare, fails
from dreambench.analysis.resolution import blind_spots, enough, mean_level, refuse_blind
from dreambench.analysis.seed_noise import metric_baseline
from dreambench.errors import DreambenchError


def baseline(
    noise: dict[str, float], runs: int = 3, subjects: int = 2, together: float = 0.0, scale: float = 1.0
) -> Baseline:
    """Return a baseline of normal scores; ``together`` is the noise that a seed gives to all subjects.

    ``scale`` is what the protocol multiplies every score by.
    """
    names = [f"s{i}" for i in range(subjects)]
    dice = np.random.default_rng(19)
    metrics = {}
    for metric, sd in noise.items():
        drawn = dice.normal(0.5, sd, (runs, subjects)) + together * np.arange(runs)[:, None]
        metrics[metric] = metric_baseline(pd.DataFrame(drawn * scale, columns=names))
    scales = "".join(
        f"|scale:{','.join(f'{metric}*{scale:g}' for metric in noise)}" for _ in range(scale != 1)
    )
    return Baseline(
        signature=f"dreambench:0.1{scales}|n:1", runs=tuple(f"seed {i}" for i in range(runs)), metrics=metrics
    )


def test_half_of_the_level_is_shared_by_the_means() -> None:
    assert mean_level(baseline({"dino": 0.1})) == pytest.approx(0.001 / 2)
    assert mean_level(baseline({"dino": 0.1, "clip_i": 0.1, "div": 0.1})) == pytest.approx(0.001 / 6)


def test_what_would_do_is_the_least_that_the_formula_allows() -> None:
    given = baseline({"dino": 0.05})
    one, level = given.metrics["dino"].overall, 0.001 / 2

    def width(runs: int, subjects: int) -> float:
        df = one.df * (runs - 1) / 2 * subjects / 2
        return float(t.isf(level / 2, df)) * one.sd / math.sqrt(subjects / 2) * math.sqrt(1 + 1 / runs)

    seeds = next(k for k in range(4, 200) if width(k, 2) <= 0.2)
    subjects = next(n for n in range(3, 200) if width(3, n) <= 0.2)
    assert enough(given) == (
        f"about {seeds} seeds of these 2 subjects or about {subjects} subjects with 3 seeds"
    )


def test_more_subjects_that_move_together_would_not_do() -> None:
    given = baseline({"dino": 0.0001}, subjects=20, together=0.04)
    assert given.metrics["dino"].overall.df == 2
    assert "seeds of these 20 subjects" in enough(given)
    assert "subjects with 3 seeds" not in enough(given)


def test_the_metric_that_is_widest_is_named() -> None:
    with pytest.raises(DreambenchError, match="the tolerance of CLIP-I"):
        refuse_blind(baseline({"dino": 0.03, "clip_i": 0.5, "div": 0.03}))


@pytest.mark.parametrize("sd", [0.0, 0.01, 0.5])
def test_a_protocol_that_multiplies_its_scores_changes_no_verdict(sd: float) -> None:
    plain, times = (baseline({"dino": sd, "clip_t": sd}, scale=scale) for scale in (1, 100))
    means = pd.DataFrame(
        {name: m.overall.mean + 0.00005 for name, m in plain.metrics.items()}, index=["s0", "s1"]
    )
    for one, other in zip(compare(means, plain), compare(means * 100, times), strict=True):
        assert (other.moved, other.blind) == (one.moved, one.blind)
        assert other.tolerance == pytest.approx(100 * one.tolerance, rel=1e-4)
    assert [metric for metric, _ in blind_spots(times)] == [metric for metric, _ in blind_spots(plain)]
    if sd == 0.5:
        assert enough(times) == enough(plain)
        with pytest.raises(
            DreambenchError, match=r"wider than a tenth of its range \(\N{PLUS-MINUS SIGN}20\.00\)"
        ):
            refuse_blind(times)


def test_better_and_worse_are_the_metrics_own() -> None:
    given = baseline({"dino": 0.01, "pres": 0.01}, subjects=4)
    expected = {name: metric.overall.mean for name, metric in given.metrics.items()}
    means = pd.DataFrame({name: mean + 0.1 for name, mean in expected.items()}, index=list(given.subjects))
    of_means = {c.metric: c.direction for c in compare(means, given) if c.subject is None}
    assert of_means == {"dino": "better", "pres": "worse"}
    of_means = {c.metric: c.direction for c in compare(means - 0.2, given) if c.subject is None}
    assert of_means == {"dino": "worse", "pres": "better"}


def comparison(subject: str | None, moved: bool, blind: bool, direction: str = "worse") -> Comparison:
    numbers = {"value": 0.5, "expected": 0.6, "tolerance": 0.05, "difference": -0.1}
    return Comparison.model_validate(
        {**numbers, "metric": "dino", "subject": subject, "moved": moved, "direction": direction}
        | {"blind": blind}
    )


def test_what_makes_a_check_fail() -> None:
    assert fails(comparison(None, moved=True, blind=False), allow_better=True)
    better = comparison(None, moved=True, blind=False, direction="better")
    assert (fails(better, allow_better=False), fails(better, allow_better=True)) == (True, False)
    assert fails(comparison(None, moved=False, blind=True), allow_better=True)
    assert not fails(comparison("can", moved=False, blind=True), allow_better=False)
    assert not fails(comparison(None, moved=False, blind=False), allow_better=False)


def test_a_mean_that_moved_can_be_told() -> None:
    found = [comparison(None, True, True), comparison("can", False, True), comparison(None, False, True)]
    check = Check(signature="x", baseline="y", ok=False, comparisons=tuple(found))
    assert check.moved == (found[0],)
    assert check.cannot_tell == (found[2],)


def test_a_committed_sd_is_never_less_than_the_measured_one() -> None:
    drawn = pd.DataFrame({"a": [0.1, 0.2, 0.4], "b": [0.3, 0.35, 0.2], "c": [0.5, 0.7, 0.85]})
    pooled = math.sqrt(drawn.var(ddof=1).mean())
    found: Expected = metric_baseline(drawn).subjects["b"]
    assert pooled <= found.sd <= pooled + 1e-9
    assert round(pooled, 9) < pooled  # rounded to the nearest, it would be less


def test_coverage_by_hand() -> None:
    found = Coverage({"a": 4, "b": 4, "c": 4, "d": 0}, {"a": 4, "b": 1, "c": 0, "d": 0})
    assert (found.n_images, found.unscored) == (5, 7)
    assert (found.absent, found.incomplete) == (["c"], {"b": 3})
