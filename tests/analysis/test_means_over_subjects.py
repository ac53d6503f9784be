"""Scores per image to the numbers of the table, against values derived by hand."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from dreambench.analysis import Summary, summarize
from dreambench.analysis.paired import bootstrap_interval
from dreambench.spec.run_spec import ProtocolSpec
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
    summary = summarize([make_run(tmp_path / "run", rows)])
    assert summary.unscored == 2
    assert summary.subjects["ant"].dino == pytest.approx(0.2, abs=1e-12)


def test_row_order_changes_no_digit(tmp_path: Path) -> None:
    rows, tables = two_subjects(), two_subjects_tables()
    expected = summarize([make_run(tmp_path / "a", rows, tables=tables, name="run")])
    for number in range(3):
        rng = random.Random(number)
        mixed = {name: rng.sample(content, len(content)) for name, content in tables.items()}
        run = make_run(tmp_path / f"b{number}", rng.sample(rows, len(rows)), tables=mixed, name="run")
        assert summarize([run]).model_dump_json() == expected.model_dump_json()


def test_interval_of_two_subjects_reaches_from_one_to_the_other(summary: Summary) -> None:
    # Of resamples of 2 subjects, 1/4 are twice the lower and 1/4 twice the higher: beyond 2.5% at both ends.
    score = summary.rows[1].dino
    assert score is not None
    assert score.ci95 == pytest.approx((0.25, 0.7), abs=1e-12)


def test_interval_is_the_resampled_means_own_percentiles() -> None:
    # Of resamples of (0, 0, 1), 8/27 have the mean 0 and 1/27 = 3.7% the mean 1: both beyond 2.5%. An
    # interval mirrored at the mean would be [-1/3, 2/3].
    assert bootstrap_interval([0.0, 0.0, 1.0]) == (0.0, 1.0)


def test_interval_of_many_subjects_is_that_of_the_normal_law() -> None:
    values = [index / 199 for index in range(200)]  # uniform: standard deviation 1 / sqrt(12)
    low, high = bootstrap_interval(values) or (math.nan, math.nan)
    half = 1.96 / math.sqrt(12 * 200)
    assert low == pytest.approx(0.5 - half, abs=0.003)
    assert high == pytest.approx(0.5 + half, abs=0.003)


def test_interval_is_seeded_and_ignores_order_and_nan() -> None:
    values = [0.1, 0.5, 0.35, 0.8, 0.42]
    first = bootstrap_interval(values)
    assert first == bootstrap_interval(values)
    assert first == bootstrap_interval([math.nan, *reversed(values)])


@pytest.mark.parametrize("values", [[], [0.5], [0.5, math.nan]])
def test_fewer_than_two_subjects_have_no_interval(values: list[float]) -> None:
    assert bootstrap_interval(values) is None
