"""A run's tasks: what kind each is of, and whether an earlier attempt has begun it."""

from __future__ import annotations

from pathlib import Path

from dreambench.runs.prepare import start_record
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
