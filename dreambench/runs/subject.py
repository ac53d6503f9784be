"""One subject of a run: train its model, draw its images, and find what was damaged since."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dreambench.dataset import Subject
from dreambench.errors import DreambenchError
from dreambench.methods.method import Context, Personalized
from dreambench.models.device import is_out_of_memory
from dreambench.models.quantized import is_finite
from dreambench.paths import cache_folder, sha256_of
from dreambench.progress import ProgressListener, Stopwatch
from dreambench.runs.class_images import class_image_set, ensure_class_images
from dreambench.runs.memory import memory_advice
from dreambench.runs.prepare import Prepared
from dreambench.runs.subject_images import draw_base_images, draw_subject, image_files
from dreambench.runs.training_subject import training_subject
from dreambench.spec.method_options import SamplerSpec
from dreambench.store import RunFolder
from dreambench.store.class_image_set import ClassImageSet
from dreambench.store.files import remove_all, write_text
from dreambench.store.run_folder import LOSS_COLUMNS
from dreambench.store.scratch_folder import is_intact, write_scratch_folder

_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


def is_made(prepared: Prepared, subject: Subject, run_folder: RunFolder) -> bool:
    """Whether all images of a subject exist, and the note that says so."""
    files = image_files(prepared, subject, run_folder)
    return run_folder.subject_note(subject.name) is not None and all(file.exists() for file in files)


def make_subject(
    prepared: Prepared,
    subject: Subject,
    run_folder: RunFolder,
    watch: ProgressListener,
    machine: str | None = None,
    cache: Path | None = None,
) -> None:
    """Train a subject's model and draw its images; existing files are not made again.

    The final note says how long steps and images took, and on which ``machine``. Class images are in
    ``cache`` (None: the cache folder). Raises DreambenchError with a remedy if memory runs out.
    """
    steps, images = Stopwatch(), Stopwatch()
    began = time.monotonic()
    with _out_of_memory_is_one_line(prepared, subject):
        made_by_base = draw_base_images(prepared, subject, run_folder, watch)
        weights, losses = run_folder.weights_folder(subject.name), run_folder.loss_file(subject.name)
        personalized = personalize(prepared, subject, weights, watch, losses, steps, cache)
        images.begin()
        made = draw_subject(prepared, subject, run_folder, personalized, watch)
        images.add(made)
    files = image_files(prepared, subject, run_folder)
    note: dict[str, Any] = {
        "images": len(files),
        "made_now": made + made_by_base,
        "seconds_now": round(time.monotonic() - began, 3),
        "seconds_per_step": steps.rate(),
        "seconds_per_image": images.rate(),
        "images_sha256": {file.name: sha256_of(file) for file in files},
    }
    if losses.exists():
        note["losses_sha256"] = sha256_of(losses)
    run_folder.save_subject(subject.name, {**note, "machine": machine} if machine else note)


@contextmanager
def _out_of_memory_is_one_line(prepared: Prepared, subject: Subject) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise DreambenchError(
            f"out of memory at {subject.name}",
            f"{memory_advice(prepared.spec, prepared.base.family)}repeat the same command to resume",
        ) from error


def training_bar(subject: Subject) -> str:
    """Return the name of the bar of a subject's training steps."""
    return f"{subject.name}: training"


def personalize(
    prepared: Prepared,
    subject: Subject,
    weights: Path,
    watch: ProgressListener,
    loss_file: Path | None = None,
    steps: Stopwatch | None = None,
    cache: Path | None = None,
) -> Personalized:
    """Return a subject's model: from the scratch folder ``weights``, or trained, and written there.

    ``loss_file`` takes the losses of the training, ``steps`` times it, ``cache`` is as in ``make_subject``.
    """
    context = method_context(prepared, subject, watch, steps, cache)
    if is_intact(weights):
        return prepared.method.load(weights, prepared.base, context)
    if weights.exists():
        watch.say(f"{subject.name}: the machine was restarted after its training; training again")
    trained_on = training_subject(prepared.spec, subject)
    personalized = prepared.method.personalize(trained_on, prepared.base, prepared.spec, context)
    watch.finish(training_bar(subject))
    if prepared.spec.method.trains():
        _refuse_non_finite(personalized, subject)
        if loss_file is not None:  # before the weights, which say that the training has ended
            rows = [f"{r.step},{r.photo:.8g},{r.prior:.8g},{r.total:.8g}" for r in personalized.losses]
            write_text(loss_file, "\n".join([",".join(LOSS_COLUMNS), *rows]) + "\n")
        write_scratch_folder(weights, lambda folder: prepared.method.save(personalized, folder))
    return personalized


def _refuse_non_finite(personalized: Personalized, subject: Subject) -> None:
    """Raise DreambenchError if a trained weight is not finite, before it is stored as finished."""
    for name, trained in personalized.trained.items():
        state = trained.state_dict() if hasattr(trained, "state_dict") else {"": trained}
        for weight, values in state.items():
            if not is_finite(values):
                raise DreambenchError(
                    f"training {subject.name} diverged: {name} {weight} is not finite",
                    "lower method.learning_rate, or use runtime.precision=bf16 or fp32",
                )


def method_context(
    prepared: Prepared,
    subject: Subject,
    watch: ProgressListener,
    steps: Stopwatch | None = None,
    cache: Path | None = None,
) -> Context:
    """Return what a run provides to its method for one subject.

    ``steps`` times the training steps. Class images are in ``cache`` (None: the cache folder).
    """
    bar, clock = training_bar(subject), steps or Stopwatch()

    def on_step(done: int, total: int) -> None:
        if done == 1:
            watch.start(bar, total)
            clock.begin()  # the first step is a warm-up and is not measured
        else:
            clock.add(1)
        watch.advance(bar)

    def class_images(noun: str, sampler: SamplerSpec, count: int) -> ClassImageSet:
        fingerprint, folder = prepared.base.fingerprint, cache or cache_folder()
        wanted = class_image_set(folder, prepared.spec, fingerprint, noun, sampler, count)
        return ensure_class_images(wanted, prepared.base, prepared.runtime, watch)

    return Context(prepared.runtime, prepared.identifier, class_images, on_step, watch.say)


def set_damage_aside(
    prepared: Prepared, subject: Subject, run_folder: RunFolder, say: Callable[[str], None]
) -> None:
    """Remove a subject's damaged images and logs, so that they are made again, and say so.

    An image is drawn again (which trains its model again; the same seeds give the same image). A note is
    written again if all images exist. A loss log is dropped, because no score depends on it and training
    takes long. The caller holds the run's lock.
    """
    wanted, name = image_files(prepared, subject, run_folder), subject.name
    note = run_folder.subject_note(name)
    known: dict[str, Any] = (note or {}).get("images_sha256") or {}
    damaged = [file for file in wanted if _is_damaged(file, known.get(file.name))]
    if damaged:
        remove_all(damaged)
        say(f"{name}: {len(damaged)} images were damaged ({damaged[0].name} ...); drawing them again")
    if note is not None and run_folder.losses_changed(name):
        remove_all([run_folder.loss_file(name)])
        say(f"{name}: its loss log was damaged and is dropped; no score depends on it")
    note_file = run_folder.subject_file(name)
    if note is None and (note_file.exists() or note_file.is_symlink()):
        remove_all([note_file])
        if all(file.exists() for file in wanted):
            run_folder.save_subject(name, {"images": len(wanted), "made_now": 0})
            say(f"{name}: its note was damaged; writing it again")


def _is_damaged(file: Path, known: str | None) -> bool:
    """Whether a file exists but has changed; without a hash to compare: whether it is not a complete PNG."""
    if not (file.exists() or file.is_symlink()):
        return False
    if not file.is_file():
        return True
    if known is not None:
        return sha256_of(file) != known
    with open(file, "rb") as opened:
        head = opened.read(len(_PNG))
        opened.seek(max(0, file.stat().st_size - len(_PNG_END)))
        return head != _PNG or opened.read() != _PNG_END
