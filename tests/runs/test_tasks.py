"""A run's tasks: what kind each is of, and whether an earlier attempt has begun it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dreambench.executors.ray.object_store import pack, unpack
from dreambench.runs.class_images import class_images_bar
from dreambench.runs.prepare import start_record
from dreambench.runs.score_run import scoring_bar
from dreambench.runs.subject import training_bar
from dreambench.runs.subject_images import image_files, images_bar
from dreambench.runs.tasks import queued_class_images, queued_subject
from dreambench.store import RunFolder
from tests.executors.material import prepared


def test_a_task_is_begun_with_its_first_file_and_a_subject_with_its_weights(tiny, tmp_path: Path) -> None:
    run = prepared(tiny, "dog")
    folder = RunFolder(tmp_path / "run", start_record(run, "run", []))
    (dog,) = run.subjects
    (images,) = queued_class_images(run, folder, dog)
    subject = queued_subject(run, folder, dog, [images])
    assert (images.kind, subject.kind) == (f"{folder.path}: class images", f"{folder.path}: subject")
    assert not images.task.is_begun()
    assert not subject.task.is_begun()
    first = images.task.wanted().images[0]
    first.parent.mkdir(parents=True)
    first.touch()
    folder.weights_folder("dog").mkdir(parents=True)
    assert images.task.is_begun()
    assert subject.task.is_begun()


def test_all_ticks_of_a_tasks_bars_are_the_whole_task(tiny, tmp_path: Path) -> None:
    run = prepared(tiny, "dog")
    folder = RunFolder(tmp_path / "run", start_record(run, "run", []))
    (dog,) = run.subjects
    (images,) = queued_class_images(run, folder, dog)
    assert images.shares == {class_images_bar("dog"): 1 / 4}
    count = len(image_files(run, dog, folder))
    ticks = {training_bar(dog): 6, images_bar(dog): count, scoring_bar(dog): count + len(dog.photos)}
    shares = queued_subject(run, folder, dog).shares
    assert shares.keys() == ticks.keys()
    assert sum(shares[bar] * ticks[bar] for bar in ticks) == pytest.approx(1)
    # A step of two rows is three passes of each, an image two passes of each of its two steps.
    assert shares[training_bar(dog)] / shares[images_bar(dog)] == pytest.approx(3 * 2 / (2 * 2))


def test_a_subject_is_done_with_its_last_image_and_its_note(tiny, tmp_path: Path) -> None:
    run = prepared(tiny, "dog")
    folder = RunFolder(tmp_path / "run", start_record(run, "run", []))
    task = queued_subject(run, folder, run.subjects[0]).task
    files = image_files(run, run.subjects[0], folder)
    folder.save_subject("dog", {"images": len(files)})
    for file in files:
        assert not task.is_done()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert task.is_done()
    folder.subject_file("dog").unlink()
    assert not task.is_done()


def test_a_checkpoint_whose_sending_was_cut_short_does_not_count(tiny, tmp_path: Path) -> None:
    run = prepared(tiny, "dog")
    made = RunFolder(tmp_path / "worker", start_record(run, "run", []))
    task = queued_subject(run, made, run.subjects[0], keep_checkpoints=True).task
    weights = [made.checkpoint_folder("dog") / name for name in ("config.json", "model.safetensors")]
    for file in (*weights, made.image_file("dog", 0, 0)):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(file.name)
    made.save_subject("dog", {"images": 1})
    sent = task.finished_files()
    assert set(weights) < set(sent)
    here = RunFolder(tmp_path / "here", made.record)
    ours = queued_subject(run, here, run.subjects[0], keep_checkpoints=True).task
    for file in sent:
        # What is sent to the next worker: a part of a checkpoint would be kept instead of the whole one.
        assert not any("checkpoints" in each.parts for each in ours.finished_files())
        for parcel in pack(task.root, [file]):
            unpack(ours.root, parcel)
    assert [file.relative_to(here.path) for file in ours.finished_files()] == [
        file.relative_to(made.path) for file in sent
    ]


def test_elsewhere_is_a_folder_of_that_run_alone_and_is_emptied_of_the_subject(
    tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = prepared(tiny, "dog")
    monkeypatch.chdir(tmp_path)
    record = start_record(run, "run", [])
    tasks = [
        queued_subject(
            run, RunFolder(Path(name), record.model_copy(update={"created": made})), run.subjects[0]
        ).task
        for name, made in (("run", "monday"), ("run", "tuesday"), ("other", "monday"))
    ]
    assert [task.root for task in tasks] == [tmp_path / name for name in ("run", "run", "other")]
    (images,) = queued_class_images(run, RunFolder(tmp_path / "run", record), run.subjects[0])
    monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path / "there"))  # on another machine
    away = [task.elsewhere() for task in tasks]
    assert {task.root.parent for task in away} == {tmp_path / "there" / "tasks"}
    assert len({task.root for task in away}) == 3
    assert images.task.root.parent == tmp_path / "there" / "class-images"
    folder = away[0].run_folder
    theirs = folder.image_file("cat", 0, 0)
    for file in (folder.image_file("dog", 0, 0), theirs, folder.weights_folder("dog") / "unet"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    folder.save_subject("dog", {"images": 1})
    away[0].forget()
    assert [path for path in away[0].root.rglob("*") if path.is_file()] == [theirs]
