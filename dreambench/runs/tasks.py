"""A run as tasks: one per subject, and one per set of class images that subjects wait for."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dreambench.dataset import Subject
from dreambench.executors import QueuedTask
from dreambench.paths import cache_folder, text_sha256
from dreambench.progress import ProgressListener
from dreambench.runs.class_images import class_images_bar, ensure_class_images, needed_class_images
from dreambench.runs.model_cache import ModelCache
from dreambench.runs.prepare import Prepared, with_absolute_paths
from dreambench.runs.score_run import embed_images, scoring_bar
from dreambench.runs.subject import is_made, make_subject, training_bar
from dreambench.runs.subject_images import image_files, images_bar
from dreambench.spec.run_spec import RunSpec
from dreambench.store import RunFolder, RunRecord
from dreambench.store.class_image_set import ClassImageSet
from dreambench.store.scratch_folder import keep_or_remove


@dataclass(frozen=True)
class SubjectTask:
    """Train one subject of a run, draw its images and, with ``embed``, embed them for the scores.

    ``expected`` counts its images. ``record`` is the run's, without the fields that a subject does not need.
    """

    spec: RunSpec
    record: RunRecord
    root: Path
    subject: str
    expected: int
    keep_checkpoints: bool = False
    embed: bool = True

    @property
    def place(self) -> Path | None:
        """The run's folder."""
        return self.root

    @property
    def run_folder(self) -> RunFolder:
        """The run's folder, or this machine's stand-in for it."""
        return RunFolder(self.root, self.record)

    def perform(self, models: ModelCache, watch: ProgressListener) -> None:
        """Make the subject's missing files."""
        prepared, run_folder = models.prepared(self.spec), self.run_folder
        subject = next(s for s in prepared.subjects if s.name == self.subject)
        if self.embed:  # in a worker, an earlier attempt may have been killed
            run_folder.recover_subject(self.subject)
        if not is_made(prepared, subject, run_folder):
            make_subject(prepared, subject, run_folder, watch, models.machine)
        weights = run_folder.weights_folder(self.subject)
        keep_or_remove(weights, run_folder.checkpoint_folder(self.subject), self.keep_checkpoints)
        if self.embed:
            embed_images(prepared, subject, run_folder, models.encoders(prepared), watch)

    def finished_files(self) -> list[Path]:
        """Return the subject's files, and its checkpoint if checkpoints are kept; the note is the last.

        A checkpoint without the note may be a part of one, whose sending was cut short: it does not count.
        """
        run_folder = self.run_folder
        checkpoint = run_folder.checkpoint_folder(self.subject)
        whole = self.keep_checkpoints and run_folder.subject_file(self.subject).exists()
        weights = sorted(p for p in checkpoint.rglob("*") if p.is_file()) if whole else []
        return [*weights, *run_folder.subject_files(self.subject)]

    def is_done(self) -> bool:
        """Whether the subject's note and all of its images exist."""
        run_folder = self.run_folder
        images = [f for f in run_folder.subject_files(self.subject) if f.suffix == ".png"]
        return len(images) >= self.expected and run_folder.subject_note(self.subject) is not None

    def is_begun(self) -> bool:
        """Whether a trained model or a file of the subject exists."""
        return self.run_folder.weights_folder(self.subject).exists() or bool(self.finished_files())

    def elsewhere(self) -> SubjectTask:
        """Return the task with a folder in this machine's cache instead, one per run."""
        name = text_sha256(f"{self.record.created} {self.root}")[:16]
        return replace(self, root=cache_folder() / "tasks" / name)

    def forget(self) -> None:
        """Remove the subject's files of this machine's stand-in for the run's folder."""
        for file in self.finished_files():
            file.unlink(missing_ok=True)
        shutil.rmtree(self.run_folder.checkpoint_folder(self.subject), ignore_errors=True)
        shutil.rmtree(self.run_folder.weights_folder(self.subject), ignore_errors=True)


@dataclass(frozen=True)
class ClassImagesTask:
    """Make one set of class images, in the cache folder of the machine that makes it."""

    spec: RunSpec
    images: ClassImageSet

    def wanted(self) -> ClassImageSet:
        """The set, in this machine's cache folder."""
        return replace(self.images, cache=cache_folder())

    @property
    def root(self) -> Path:
        """The set's folder."""
        return self.wanted().folder

    @property
    def place(self) -> Path | None:
        """None: the machine's own cache folder."""
        return None

    def perform(self, models: ModelCache, watch: ProgressListener) -> None:
        """Make the set's missing images, and seal it."""
        prepared = models.prepared(self.spec)
        ensure_class_images(self.wanted(), prepared.base, prepared.runtime, watch)

    def finished_files(self) -> list[Path]:
        """Return the set's images, then its manifest."""
        wanted = self.wanted()
        return [file for file in (*wanted.images, wanted.manifest) if file.exists()]

    def is_done(self) -> bool:
        """Whether the set is sealed and complete."""
        return self.wanted().is_complete()

    def is_begun(self) -> bool:
        """Whether some of the set's images exist."""
        return bool(self.finished_files())

    def elsewhere(self) -> ClassImagesTask:
        """Return the same task: a set is always made in a machine's own cache folder."""
        return self

    def forget(self) -> None:
        """Do nothing: a set stays in a machine's cache for later subjects."""


def queued_class_images(prepared: Prepared, run_folder: RunFolder, subject: Subject) -> list[QueuedTask]:
    """Return the task for the class images that a subject's training needs, if any."""
    wanted = needed_class_images(cache_folder(), prepared.spec, subject, prepared.base.fingerprint)
    if wanted is None:
        return []
    task = ClassImagesTask(with_absolute_paths(prepared.spec), wanted)
    bar = class_images_bar(wanted.class_noun)
    log = run_folder.log_file(f"class-images-{wanted.folder.name}")
    name, kind = f"{bar} ({wanted.folder.name})", f"{run_folder.path}: class images"
    return [QueuedTask(name, task, shares={bar: 1 / wanted.count}, log=log, kind=kind)]


def queued_subject(
    prepared: Prepared,
    run_folder: RunFolder,
    subject: Subject,
    sets: Sequence[QueuedTask] = (),
    *,
    keep_checkpoints: bool = False,
    embed: bool = True,
    time_limit: float | None = None,
) -> QueuedTask:
    """Return the task of one subject of a run, which comes after the ``sets`` of class images."""
    expected = len(image_files(prepared, subject, run_folder))
    lean: dict[str, Any] = {"subjects": {}, "photos": {}, "notes": [], "made_on": {}}
    task = SubjectTask(
        with_absolute_paths(prepared.spec),
        run_folder.record.model_copy(update=lean),
        run_folder.path.absolute(),
        subject.name,
        expected,
        keep_checkpoints,
        embed,
    )
    name = f"{run_folder.path.name}/{subject.name}"
    shares = _shares(prepared.spec, subject, expected)
    return QueuedTask(
        name,
        task,
        after=tuple(queued.name for queued in sets),
        reads=tuple(queued.task for queued in sets),
        shares=shares,
        time_limit=time_limit,
        log=run_folder.log_file(subject.name),
        kind=f"{run_folder.path}: subject",
    )


def _shares(spec: RunSpec, subject: Subject, images: int) -> dict[str, float]:
    # A step costs three passes of the network over its batch (forward, and backward at twice the cost); an
    # image costs two passes per sampler step, with and without the prompt.
    steps = spec.method.training_steps()
    training, drawing = 3.0 * steps * spec.method.images_per_step(), 2.0 * spec.sampler.steps * images
    scored = images + len(subject.photos)
    scoring = 0.02 * (training + drawing)
    total = training + drawing + scoring
    shares = {images_bar(subject): drawing / images / total, scoring_bar(subject): scoring / scored / total}
    return {**shares, training_bar(subject): training / steps / total} if steps else shares
