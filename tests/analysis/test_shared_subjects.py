"""Pairs of subjects that share some: what this does to the interval of their mean, by simulation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dreambench.analysis import paired, read_run_scores, summarize
from dreambench.analysis.paired import mean_interval, paired_difference, run_differences
from dreambench.analysis.shared_subjects import pairs_that_share, spread_of_shared
from dreambench.report.main_table import markdown_table
from dreambench.report.score_figures import score_figures
from dreambench.spec.presets import protocol_spec
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.store import RunFolder
from tests.analysis.material import image_row, make_run, make_spec

UNO = protocol_spec("uno-multi").named_pairs()
STAR = {f"cat+{other}": ("cat", other) for other in ("dog", "can", "vase", "clock", "boot", "toy")}
APART = {f"{a}+{b}": (a, b) for a, b in ("ab", "cd", "ef", "gh", "ij")}


def scores(pairs: dict[str, tuple[str, str]], seed: int = 0) -> pd.Series:
    return pd.Series(np.random.default_rng(seed).uniform(size=len(pairs)), index=list(pairs))


def test_pairs_share_a_subject_in_either_place() -> None:
    named = {"cat+dog": ("cat", "dog"), "cat2+cat": ("cat2", "cat"), "can+vase": ("can", "vase")}
    assert pairs_that_share(pd.Index(named), named).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert pairs_that_share(pd.Index(UNO), UNO).sum() == 96


@pytest.mark.parametrize("pairs", [APART, {}])
def test_nothing_changes_where_no_pair_shares_a_subject(pairs: dict[str, tuple[str, str]]) -> None:
    given = scores(APART)
    pd.testing.assert_series_equal(spread_of_shared(given, pairs), given)


def test_the_mean_stays_and_missing_scores_stay_missing() -> None:
    given = scores(UNO)
    given.iloc[3] = np.nan
    found = spread_of_shared(given, UNO)
    assert found.mean() == pytest.approx(given.mean(), abs=1e-12)
    assert list(found.index[found.isna()]) == [given.index[3]]
    assert found.rank().equals(given.rank())
    equal = pd.Series(0.5, index=list(UNO))
    pd.testing.assert_series_equal(spread_of_shared(equal, UNO), equal)


def test_pairs_that_all_share_one_subject_have_the_widest_interval() -> None:
    """The scores cannot tell what the common subject does, so half of the variance is taken to be its."""
    given = scores(STAR)
    ratio = (spread_of_shared(given, STAR) - given.mean()) / (given - given.mean())
    assert ratio.to_numpy() == pytest.approx(np.sqrt((1 + 5 / 2) / (1 - 1 / 2)))


def coverage(draw: Callable[[np.random.Generator], np.ndarray], pairs: dict[str, tuple[str, str]]) -> float:
    """Return how often the interval has the true mean, 0."""
    dice = np.random.default_rng(5)
    hits = 0
    for _ in range(400):
        low, high = mean_interval(spread_of_shared(pd.Series(draw(dice), index=list(UNO)), pairs))
        hits += low <= 0 <= high
    return hits / 400


@pytest.fixture
def of_subjects() -> np.ndarray:
    """Half of each subject in its pairs: a pair's score is the mean of the effects of its two subjects."""
    names = sorted({name for pair in UNO.values() for name in pair})
    return np.array([[0.5 * (name in pair) for name in names] for pair in UNO.values()])


def test_intervals_of_unos_pairs_keep_their_coverage(monkeypatch, of_subjects: np.ndarray) -> None:
    monkeypatch.setattr(paired, "RESAMPLES", 1000)

    def by_subjects(dice: np.random.Generator) -> np.ndarray:
        return of_subjects @ dice.normal(size=of_subjects.shape[1])

    def by_pairs(dice: np.random.Generator) -> np.ndarray:
        return dice.normal(size=len(UNO))

    assert coverage(by_subjects, {}) < 0.85  # as if the pairs had nothing in common
    assert coverage(by_subjects, UNO) > 0.91
    assert 0.92 < coverage(by_pairs, UNO) < 0.99


def test_differences_of_pairs_that_share_subjects_have_no_p() -> None:
    first, second = scores(UNO), scores(UNO, 1)
    plain, found = paired_difference(first, second), paired_difference(first, second, None, UNO)
    assert plain is not None
    assert found is not None
    assert (found.mean, found.n, found.above) == (plain.mean, plain.n, plain.above)
    assert (plain.p is None, found.p) == (False, None)
    apart = paired_difference(scores(APART), scores(APART, 1), None, APART)
    assert apart == paired_difference(scores(APART), scores(APART, 1))
    assert paired_difference(first, first, None, UNO).p == 1.0


def test_the_interval_of_a_difference_is_wider_by_what_pairs_share(of_subjects: np.ndarray) -> None:
    effects = of_subjects @ np.random.default_rng(2).normal(size=of_subjects.shape[1])
    first, second = pd.Series(effects, index=list(UNO)), pd.Series(0.0, index=list(UNO))
    (low, high), (wide_low, wide_high) = (
        paired_difference(first, second, None, pairs).ci95 for pairs in (None, UNO)
    )
    assert wide_high - wide_low > 1.2 * (high - low)


def run_of(path: Path, pairs: dict[str, tuple[str, str]], seed: int) -> RunFolder:
    """Return a run with one image of each pair of a star, by a protocol of these pairs."""
    metrics = ("dino", "clip_i", "clip_t")
    protocol = ProtocolSpec(metrics=metrics, images=1, subject_pairs=tuple(pairs.values()))
    drawn = scores(STAR, seed)
    rows = [image_row(name, 0, 0, (value, 0.5, 0.5)) for name, value in drawn.items()]
    spec = make_spec(protocol=protocol, prompts="0", images_per_prompt=1)
    return make_run(path, rows, spec=spec, subjects=list(STAR))


def test_every_table_has_the_wider_interval(tmp_path: Path) -> None:
    star, plain = run_of(tmp_path / "star", STAR, 0), run_of(tmp_path / "plain", {}, 0)
    summary = summarize([star])
    found, narrow = (summarize([run]).rows[1].score("dino").ci95 for run in (star, plain))
    assert found == mean_interval(spread_of_shared(scores(STAR), STAR))
    assert narrow == mean_interval(scores(STAR))
    assert "over pairs" in markdown_table(summary)
    assert "wider for the subjects that pairs share" in markdown_table(summary)
    assert "over pairs" not in markdown_table(summarize([plain]))
    by_kind = [
        next(f for f in score_figures(read_run_scores([run])) if f.name == "by-kind") for run in (star, plain)
    ]
    assert by_kind[0].svg != by_kind[1].svg


def test_the_difference_of_two_runs_has_no_p(tmp_path: Path) -> None:
    runs = read_run_scores([run_of(tmp_path / str(seed), STAR, seed) for seed in (0, 1)])
    (dino,) = [each for each in run_differences(runs) if each.metric == "dino"]
    assert (dino.p, dino.p_holm) == (None, None)
    assert dino.ci95 == mean_interval(spread_of_shared(scores(STAR, 1) - scores(STAR), STAR))
