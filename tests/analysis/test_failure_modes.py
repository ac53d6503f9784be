"""The failure modes by hand-made scores and embeddings, and what is said where their data is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dreambench.analysis import read_run_scores
from dreambench.analysis.embedding_similarities import similarities
from dreambench.analysis.failure_modes import above_bound, context_missing, failure_modes
from tests.analysis.material import embedded_run, image_row, make_run


def test_context_missing_is_far_below_the_other_subjects(tmp_path: Path) -> None:
    # For subject a the others have 0.28, 0.30, 0.32: median 0.30, MAD 0.02, limit 0.30 - 3 x 1.4826 x 0.02.
    scores = {"a": 0.1, "b": 0.28, "c": 0.30, "d": 0.32}
    rows = [image_row(name, 0, 0, (0.5, 0.5, score)) for name, score in scores.items()]
    (run,) = read_run_scores([make_run(tmp_path / "run", rows, subjects=list(scores))])
    mode = context_missing(run.tables.images)
    assert np.isclose(mode.threshold[0], 0.30 - 3 * 1.4826 * 0.02)
    assert mode.examples == [0]
    assert (mode.judged, mode.examples) == (4, [0])


def test_two_other_subjects_are_too_few_and_it_is_said(tmp_path: Path) -> None:
    rows = [image_row(name, 0, 0, (0.5, 0.5, 0.3)) for name in "abc"]
    (run,) = read_run_scores([make_run(tmp_path / "run", rows, subjects=list("abc"))])
    mode = context_missing(run.tables.images)
    assert mode.judged == 0
    assert "3 other subjects" in mode.why_not


def test_an_image_at_the_limit_does_not_fail_and_one_without_clip_t_is_not_judged(tmp_path: Path) -> None:
    # Without spread the limit is the others' score itself, which no image is below.
    rows = [image_row(name, 0, 0, (0.5, 0.5, 0.25)) for name in "abcd"]
    rows += [image_row(name, 1, 0, (0.5, 0.5, 0.25)) for name in "abc"] + [image_row("d", 1, 0, None)]
    (run,) = read_run_scores([make_run(tmp_path / "run", rows, subjects=list("abcd"))])
    mode = context_missing(run.tables.images)
    assert (mode.judged, mode.examples) == (4, [])
    (few,) = read_run_scores([make_run(tmp_path / "few", rows[4:], subjects=list("abcd"))])
    assert "3 other subjects" in context_missing(few.tables.images).why_not


def test_a_copied_photo_is_nearer_than_photos_are_to_each_other(tmp_path: Path) -> None:
    # The photos lie 30 degrees apart; an image 10 degrees beside one is nearer, one 40 degrees away is not.
    (run,) = read_run_scores([embedded_run(tmp_path / "run", {0: 40, 1: 70}, (0, 30))])
    copied = failure_modes(run, similarities(run))[1]
    assert np.allclose(copied.threshold, np.cos(np.radians(30)))
    assert np.allclose(copied.score, np.cos(np.radians([10, 40])))
    assert copied.examples == [0]
    nearest = list(similarities(run).images["nearest_name"])
    assert nearest == [Path(run.record.photos["ant"][1]).name] * 2


def test_the_limit_of_a_copy_is_the_closest_of_all_pairs_of_photos(tmp_path: Path) -> None:
    (run,) = read_run_scores([embedded_run(tmp_path / "run", {0: 95, 1: 15}, (90, 0, 20))])
    copied = failure_modes(run, similarities(run))[1]
    assert np.allclose(copied.threshold, np.cos(np.radians(20)))
    assert np.allclose(copied.score, np.cos(np.radians([5, 5])))
    assert list(similarities(run).images["nearest_name"]) == ["00.png", "02.png"]


def test_other_contexts_are_images_of_recontextualization_prompts_that_exist(tmp_path: Path) -> None:
    """Images at 0, 20 and 60 degrees; another kind of prompt, and a file that has changed, do not count."""
    images = {0: 0.0, 1: 20.0, 2: 60.0, 3: 90.0, 4: 45.0}
    folder = embedded_run(tmp_path / "run", images, (0, 60), {3: "property modification"})
    folder.image_file("ant", 4, 0).write_bytes(b"another image")
    (run,) = read_run_scores([folder])
    expected = [np.mean(np.cos(np.radians(apart))) for apart in ([20, 60], [20, 40], [60, 40])]
    found = similarities(run).images["other_contexts"]
    assert np.allclose(found, [*expected, np.nan, np.nan], equal_nan=True)


def test_entanglement_is_an_image_unlike_the_subject_in_its_other_contexts(tmp_path: Path) -> None:
    angles = {prompt: float(prompt) for prompt in range(7)} | {7: 90.0}
    (run,) = read_run_scores([embedded_run(tmp_path / "run", angles, (0, 60))])
    entangled = failure_modes(run, similarities(run))[2]
    means = [np.mean([np.cos(np.radians(a - b)) for b in angles.values() if b != a]) for a in angles.values()]
    assert np.allclose(entangled.score, means)
    spread = 1.4826 * np.median(np.abs(means - np.median(means)))
    assert np.allclose(entangled.threshold, np.median(means) - 3 * spread)
    assert entangled.examples == [7]


def test_a_few_images_of_a_subject_do_not_say_what_is_usual(tmp_path: Path) -> None:
    (run,) = read_run_scores([embedded_run(tmp_path / "run", {0: 0, 1: 10, 2: 90}, (0, 60))])
    entangled = failure_modes(run, similarities(run))[2]
    assert entangled.judged == 0
    assert "8 images of recontextualization" in entangled.why_not


def test_without_embeddings_nothing_is_judged(tmp_path: Path) -> None:
    (run,) = read_run_scores([make_run(tmp_path / "run", [image_row("ant", 0, 0, (0.5, 0.5, 0.3))])])
    _, *by_embeddings = failure_modes(run, similarities(run))
    assert len(by_embeddings) == 2
    for mode in by_embeddings:
        assert mode.judged == 0
        assert "no DINO embeddings" in mode.why_not


def test_subjects_above_their_photos(tmp_path: Path) -> None:
    rows = [image_row(name, 0, 0, (0.9, 0.5, 0.3)) for name in ("ant", "bee")]
    pairs = [("ant", 0.8), ("bee", 0.95)]
    photos = [
        {"subject": name, "photo_a": "0", "photo_b": "1", "dino": score, "clip_i": 0.9}
        for name, score in pairs
    ]
    (run,) = read_run_scores([make_run(tmp_path / "run", rows, tables={"photos": photos})])
    assert above_bound(run) == ["ant"]
