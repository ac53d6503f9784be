"""Scores per image to the numbers of the table, against values derived by hand."""

from __future__ import annotations

import math
import random
from pathlib import Path

import numpy as np
import pytest

from dreambench.analysis import Summary, paired, read_run_scores, summarize
from dreambench.analysis.paired import mean_interval
from dreambench.errors import DreambenchError
from dreambench.spec.protocol_spec import ProtocolSpec
from tests.analysis.material import (
    image_row,
    make_run,
    make_spec,
    two_subjects,
    two_subjects_tables,
)


@pytest.fixture
def summary(tmp_path: Path) -> Summary:
    return summarize([make_run(tmp_path / "run", two_subjects(), tables=two_subjects_tables())])


def _mean(summary: Summary, row: int, metric: str) -> float:
    score = summary.rows[row].score(metric)
    assert score is not None
    return score.mean


def test_each_subject_counts_once_whatever_its_number_of_images(summary: Summary) -> None:
    assert _mean(summary, 1, "dino") == pytest.approx(0.475, abs=1e-12)  # over images: 3.1 / 7
    assert _mean(summary, 1, "clip_i") == pytest.approx(0.575, abs=1e-12)
    assert _mean(summary, 1, "clip_t") == pytest.approx(0.2375, abs=1e-12)


def test_diversity_is_over_pairs_then_prompts_then_subjects(summary: Summary) -> None:
    assert _mean(summary, 1, "div") == pytest.approx(0.45, abs=1e-12)  # over pairs: 0.4
    assert summary.subjects["ant"].div == pytest.approx(0.3, abs=1e-12)  # over ant's pairs: 1/3


def test_real_row_is_over_pairs_then_subjects_and_counts_photos(summary: Summary) -> None:
    real = summary.rows[0]
    assert real.method == "real"
    assert _mean(summary, 0, "dino") == pytest.approx(0.85, abs=1e-12)  # over pairs: 2.5 / 3
    assert _mean(summary, 0, "clip_i") == pytest.approx(0.95, abs=1e-12)
    assert (real.clip_t, real.div, real.pres) == (None, None, None)
    assert real.n_images == 5  # ant's 3 and bee's 2, though their files share names


def test_the_real_row_covers_the_subjects_of_the_row_below_it(tmp_path: Path) -> None:
    ants = [row for row in two_subjects() if row["subject"] == "ant"]
    bees = [image_row("bee", prompt, image, None) for prompt in range(2) for image in range(2)]
    part = summarize([make_run(tmp_path / "part", [*ants, *bees], tables=two_subjects_tables())])
    assert (_mean(part, 0, "dino"), part.rows[0].n_images) == (pytest.approx(0.8), 3)  # ant's photos alone
    assert _mean(part, 1, "dino") == pytest.approx(0.25)
    unscored = make_run(tmp_path / "none", [], tables={"photos": two_subjects_tables()["photos"]})
    assert _mean(summarize([unscored]), 0, "dino") == pytest.approx(0.85)  # no row below it yet


def test_pres_is_over_images_then_subjects(tmp_path: Path) -> None:
    prior = [("ant", 0, 0.2), ("ant", 1, 0.4), ("bee", 0, 0.9)]
    tables = {"prior": [{"subject": s, "image_index": i, "file": "x", "pres": p} for s, i, p in prior]}
    spec = make_spec(protocol=ProtocolSpec(metrics=("dino", "pres")))
    summary = summarize([make_run(tmp_path / "run", two_subjects(), spec=spec, tables=tables)])
    assert _mean(summary, 1, "pres") == pytest.approx(0.6, abs=1e-12)  # over images: 0.5
    assert summary.subjects["ant"].pres == pytest.approx(0.3, abs=1e-12)


def test_missing_image_is_counted_and_never_a_zero(summary: Summary) -> None:
    assert (summary.n_images, summary.unscored) == (7, 1)
    assert summary.rows[1].n_images == 7
    assert summary.subjects["bee"].dino == pytest.approx(0.7, abs=1e-12)  # 0.525 with a zero


def test_an_image_that_lacks_one_score_asked_for_is_unscored(tmp_path: Path) -> None:
    rows = two_subjects()
    rows[0]["clip_t"] = math.nan
    summary = summarize([make_run(tmp_path / "run", rows)])
    assert (summary.n_images, summary.unscored) == (6, 2)


def test_a_metric_not_asked_for_is_null_and_leaves_nothing_unscored(tmp_path: Path) -> None:
    rows = [
        image_row(s, p, i, (0.5, math.nan, math.nan)) for s in ("ant", "bee") for p in (0, 1) for i in (0, 1)
    ]
    spec = make_spec(protocol=ProtocolSpec(metrics=("dino",)))
    summary = summarize([make_run(tmp_path / "run", rows, spec=spec, tables=two_subjects_tables())])
    assert (summary.n_images, summary.unscored) == (8, 0)
    assert summary.rows[1].clip_i is None
    assert summary.rows[1].div is None  # its table is there, but it was not asked for
    assert summary.rows[0].clip_i is None


def test_run_that_was_never_scored_expects_every_cell(tmp_path: Path) -> None:
    summary = summarize([make_run(tmp_path / "run", [], status="interrupted")])
    assert (summary.n_images, summary.unscored) == (0, 8)  # 2 subjects x 2 prompts x 2 images
    assert all(row.dino is None for row in summary.rows)


def test_subject_without_rows_is_expected_in_full(tmp_path: Path) -> None:
    rows = [row for row in two_subjects() if row["subject"] == "ant"]
    summary = summarize([make_run(tmp_path / "run", rows)])
    assert (summary.n_images, summary.unscored) == (4, 4)
    assert summary.subjects["bee"].dino is None
    score = summary.rows[1].dino
    assert score is not None
    assert score.mean == pytest.approx(0.25, abs=1e-12)
    assert score.ci95 is None  # one subject has no spread


def test_infinity_is_no_score(tmp_path: Path) -> None:
    rows = two_subjects()
    rows[3]["dino"] = math.inf
    with pytest.raises(DreambenchError, match=r"images\.parquet is damaged: a DINO of inf"):
        summarize([make_run(tmp_path / "run", rows)])


def test_row_order_changes_no_digit(tmp_path: Path) -> None:
    rows, tables = two_subjects(), two_subjects_tables()
    expected = summarize([make_run(tmp_path / "a", rows, tables=tables, name="run")])
    for number in range(3):
        rng = random.Random(number)
        mixed = {name: rng.sample(content, len(content)) for name, content in tables.items()}
        run = make_run(tmp_path / f"b{number}", rng.sample(rows, len(rows)), tables=mixed, name="run")
        assert summarize([run]).model_dump_json() == expected.model_dump_json()


def test_a_row_has_the_interval_of_its_subjects(tmp_path: Path) -> None:
    scores = {"a": 0.1, "b": 0.4, "c": 0.5, "d": 0.9, "e": 0.3}
    rows = [image_row(name, 0, 0, (score, 0.5, 0.3)) for name, score in scores.items()]
    dino = summarize([make_run(tmp_path / "run", rows, subjects=scores)]).rows[1].dino
    assert dino is not None
    assert dino.ci95 == pytest.approx(mean_interval(scores.values()), abs=1e-12)


def test_interval_by_hand() -> None:
    """Mean minus the studentized resamples' quantiles, times the standard error: written out plainly."""
    values = np.array([0.1, 0.35, 0.42, 0.5, 0.8])
    draws = np.random.default_rng(0).integers(0, 5, (10_000, 5))
    t, beyond = [], []
    for some in values[draws]:
        away = some.mean() - values.mean()
        if len(set(some)) > 1:
            t.append(away / np.std(some, ddof=1) * np.sqrt(5))
        else:
            beyond.append(away)
    t = sorted([*t, *(math.copysign(max(map(abs, t)), away) for away in beyond)])
    error = np.std(values, ddof=1) / np.sqrt(5)
    expected = values.mean() - t[9749] * error, values.mean() - t[249] * error
    assert mean_interval(values) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [5, 15, 30])
@pytest.mark.parametrize("shape", ["normal", "skewed"])
def test_interval_covers_the_mean(n: int, shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """95% intervals that do cover: the percentiles of resampled means cover 83% (n = 5) and 90% (n = 15)."""
    monkeypatch.setattr(paired, "RESAMPLES", 1000)
    rng = np.random.default_rng(1)
    # Gamma's skewness is 1.4; the most skewed score of the miniature's runs has 1.3 over subjects.
    draws, mean = (
        (rng.normal(size=(2000, n)), 0.0) if shape == "normal" else (rng.gamma(2, size=(2000, n)), 2.0)
    )
    found = [mean_interval(values) or (math.nan, math.nan) for values in draws]
    assert np.mean([low <= mean <= high for low, high in found]) >= 0.93


def test_interval_of_many_subjects_is_that_of_the_normal_law() -> None:
    values = [index / 199 for index in range(200)]  # uniform: standard deviation 1 / sqrt(12)
    low, high = mean_interval(values) or (math.nan, math.nan)
    half = 1.96 / math.sqrt(12 * 200)
    assert low == pytest.approx(0.5 - half, abs=0.003)
    assert high == pytest.approx(0.5 + half, abs=0.003)


def test_interval_is_seeded_and_ignores_order_and_nan() -> None:
    values = [0.1, 0.5, 0.35, 0.8, 0.42]
    first = mean_interval(values)
    assert first == mean_interval(values)
    assert first == mean_interval([math.nan, *reversed(values)])


@pytest.mark.parametrize("values", [[], [0.5], [0.1, 0.2, 0.5, math.nan]])
def test_fewer_than_four_subjects_have_no_interval(values: list[float]) -> None:
    assert mean_interval(values) is None


def test_ties_leave_the_interval_finite() -> None:
    low, high = mean_interval([0.0, 0.0, 0.0, 1.0]) or (math.nan, math.nan)
    assert -math.inf < low < 0.25 < high < math.inf


def test_equal_values_have_an_interval_without_width() -> None:
    assert mean_interval([0.25] * 4) == (0.25, 0.25)


def test_a_column_of_seeds_may_have_gaps(tmp_path: Path) -> None:
    """A frame with a gap has its seeds as floats, which are whole numbers nevertheless."""
    rows = [*two_subjects()[:-1], {**two_subjects()[-1], "seed": None}]
    (run,) = read_run_scores([make_run(tmp_path / "run", rows)])
    assert run.tables.images["seed"].isna().sum() == 1
