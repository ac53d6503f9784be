"""Several seeds as one run: means by subject, and a refusal of anything but seeds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dreambench.analysis.run_scores import read_run_scores
from dreambench.analysis.seed_mean import seed_mean, with_seeds_joined
from dreambench.analysis.summarize import summary_of
from dreambench.errors import DreambenchError
from dreambench.spec.protocol_spec import ProtocolSpec
from tests.analysis.material import image_row, make_run, make_spec

METRICS = ("dino", "clip_i", "clip_t", "pres")


def one(folder: Path, values: dict[str, float], **fields: object):
    rows = [
        image_row(subject, prompt, image, (value, value, 0.3))
        for subject, value in values.items()
        for prompt in (0, 1)
        for image in (0, 1)
    ]
    return read_run_scores([make_run(folder, rows, spec=make_spec(**fields))])[0]


def test_scores_are_means_over_seeds_and_subjects_stay_the_unit(tmp_path: Path) -> None:
    first = one(tmp_path / "a", {"ant": 0.2, "bee": 0.6}, seed=0)
    second = one(tmp_path / "b", {"ant": 0.4, "bee": 0.6}, seed=1)
    both = seed_mean([first, second], "ours")
    assert both.subjects["dino"].to_dict() == pytest.approx({"ant": 0.3, "bee": 0.6})
    assert both.label == "ours"
    row = summary_of([both]).rows[1]
    assert row.n_images == 16
    assert row.dino.mean == pytest.approx(0.45)
    alone = seed_mean([first], "alone")
    assert alone.subjects.equals(first.subjects)


def test_runs_of_two_specs_are_refused(tmp_path: Path) -> None:
    first = one(tmp_path / "a", {"ant": 0.2}, seed=0)
    other = one(tmp_path / "b", {"ant": 0.2}, seed=1, image_size=64)
    with pytest.raises(DreambenchError, match=r"differ in more than their seeds \(image_size"):
        seed_mean([first, other], "ours")


def test_a_report_has_one_row_for_runs_that_differ_in_their_seed(tmp_path: Path) -> None:
    runs = [
        one(tmp_path / "a", {"ant": 0.2, "bee": 0.6}, seed=0),
        one(tmp_path / "b", {"ant": 0.4, "bee": 0.6}, seed=1),
    ]
    summary = summary_of(runs)
    assert [row.method for row in summary.rows] == ["real", "test-method, mean of seeds 0, 1"]
    assert summary.rows[1].dino.mean == pytest.approx(0.45)
    assert (summary.rows[1].n_images, list(summary.runs)) == (16, ["a", "b"])  # each run's own scores stay


def test_one_method_of_two_settings_has_two_names_and_a_copy_is_no_seed(tmp_path: Path) -> None:
    both = [
        one(tmp_path / f"{size}-{seed}", {"ant": 0.2}, seed=seed, image_size=size)
        for size in (64, 128)
        for seed in (0, 1)
    ]
    names = [run.label for run in with_seeds_joined(both)]
    assert names == [f"test-method (image_size: {size}), mean of seeds 0, 1" for size in (64, 128)]
    copies = [one(tmp_path / name, {"ant": 0.2}, seed=0) for name in ("c", "d")]
    assert [run.label for run in with_seeds_joined(copies)] == ["c", "d"]


def test_images_made_elsewhere_and_other_metrics_are_more_than_another_seed(tmp_path: Path) -> None:
    first = one(tmp_path / "a", {"ant": 0.2}, seed=0)
    rows = [image_row("ant", 0, 0, (0.2, 0.2, 0.3))]
    folders = [
        make_run(tmp_path / "b", rows, spec=make_spec(seed=1), kind="score"),
        make_run(
            tmp_path / "c",
            rows,
            spec=make_spec(seed=1, protocol=ProtocolSpec(prior_images=3, metrics=METRICS)),
        ),
    ]
    elsewhere, more = (read_run_scores([folder])[0] for folder in folders)
    with pytest.raises(DreambenchError, match="kind: run, not score"):
        seed_mean([first, replace(elsewhere, signature=first.signature)], "ours")
    pres = make_run(tmp_path / "d", rows, spec=make_spec(protocol=ProtocolSpec(metrics=METRICS)))
    with pytest.raises(DreambenchError, match="protocol: its metrics or prior_images"):
        seed_mean([read_run_scores([pres])[0], more], "ours")
