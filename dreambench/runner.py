"""A run from photos to scores, subject by subject; killed at any instant, it goes on where it was."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from dreambench.benchmark import Subject
from dreambench.cells import (
    count_files,
    expected_cells,
    image_requests,
    photo_files,
    present,
    prior_images,
    prior_requests,
)
from dreambench.class_images import class_image_set, ensure_class_images
from dreambench.errors import DreambenchError
from dreambench.generate import ImageRequest, generate
from dreambench.methods.base import Context, Personalized
from dreambench.metrics.scoring import score_images
from dreambench.prepare import Prepared, start_record
from dreambench.progress import Reporter
from dreambench.resolve import default_run_name
from dreambench.resources import cache_folder
from dreambench.spec import SamplerSpec
from dreambench.store import RunFolder, locked_run
from dreambench.store.class_images import ClassImageSet
from dreambench.store.files import write_folder_atomically, write_text
from dreambench.store.record import Status
from dreambench.training_subject import training_subject


def run(
    prepared: Prepared,
    out: Path | None,
    reporter: Reporter,
    keep_checkpoints: bool = False,
    notes: list[str] | None = None,
) -> RunFolder:
    """Personalize, generate and score every subject of a prepared run; return the finished run folder.

    ``out`` is the run's folder (None: results/ and a name from the spec's key). A folder that holds the
    same run is gone on with. Raises DreambenchError; KeyboardInterrupt leaves a resumable run.
    """
    folder = out or Path("results") / default_run_name(prepared.spec)
    began = time.monotonic()
    with locked_run(folder, start_record(prepared, folder.name, notes or [])) as run_folder:

        def ended(status: Status, **changes: str) -> None:
            seconds = run_folder.record.seconds + time.monotonic() - began
            run_folder.save_record(status, seconds=round(seconds, 3), **changes)

        try:
            _make_all(prepared, run_folder, reporter, keep_checkpoints)
            score(prepared, run_folder, reporter)
        except KeyboardInterrupt:
            ended("interrupted")
            raise
        except Exception as error:
            ended("failed", error=str(error) or type(error).__name__)
            raise
        ended("complete")
    return run_folder


def _make_all(prepared: Prepared, run_folder: RunFolder, reporter: Reporter, keep_checkpoints: bool) -> None:
    reporter.start("subjects", len(prepared.subjects))
    for subject in prepared.subjects:
        if not _is_made(prepared, subject, run_folder):
            try:
                _make_subject(prepared, subject, run_folder, reporter)
            except RuntimeError as error:
                raise _out_of_memory(error, subject) or error from error
        weights = run_folder.weights_folder(subject.name)
        settle_weights(weights, run_folder.checkpoint_folder(subject.name), keep_checkpoints)
        reporter.advance("subjects")
    reporter.finish("subjects")


def _is_made(prepared: Prepared, subject: Subject, run_folder: RunFolder) -> bool:
    requests = _requests(prepared, subject, run_folder)
    return run_folder.subject_note(subject.name) is not None and all(r.file.exists() for r in requests)


def _requests(prepared: Prepared, subject: Subject, run_folder: RunFolder) -> list[ImageRequest]:
    cells = expected_cells(prepared.spec, subject, prepared.words(subject), run_folder)
    return [*image_requests(cells), *prior_requests(prepared.spec, subject, run_folder)]


def _make_subject(prepared: Prepared, subject: Subject, run_folder: RunFolder, reporter: Reporter) -> None:
    began = time.monotonic()
    spec = prepared.spec
    personalized = _personalize(prepared, subject, run_folder, reporter)
    requests = _requests(prepared, subject, run_folder)
    bar = f"{subject.name}: images"
    reporter.start(bar, len(requests))
    made = generate(
        personalized.pipeline,
        requests,
        spec.sampler,
        spec.image_size,
        prepared.runtime,
        run_folder.commit_images,
        lambda count: reporter.advance(bar, count),
    )
    reporter.finish(bar)
    note = {"images": len(requests), "made_now": made, "seconds_now": round(time.monotonic() - began, 3)}
    run_folder.save_subject(subject.name, note)


def _personalize(
    prepared: Prepared, subject: Subject, run_folder: RunFolder, reporter: Reporter
) -> Personalized:
    weights = run_folder.weights_folder(subject.name)
    bar = f"{subject.name}: training"
    context = method_context(prepared, reporter, bar)
    if weights.exists():
        return prepared.method.load(weights, prepared.base, context)
    trained_on = training_subject(prepared.spec, subject)
    personalized = prepared.method.personalize(trained_on, prepared.base, prepared.spec, context)
    reporter.finish(bar)
    if prepared.spec.method.trains():
        rows = [f"{r.step},{r.photo:.8g},{r.prior:.8g},{r.total:.8g}" for r in personalized.losses]
        write_text(run_folder.loss_file(subject.name), "\n".join(["step,photo,prior,total", *rows]) + "\n")
        write_folder_atomically(weights, lambda folder: prepared.method.save(personalized, folder))
    return personalized


def method_context(prepared: Prepared, reporter: Reporter, bar: str) -> Context:
    """Return what a run lends its method; ``bar`` is the name of the training's progress bar."""
    spec, base = prepared.spec, prepared.base

    def class_images(noun: str, sampler: SamplerSpec, count: int) -> ClassImageSet:
        wanted = class_image_set(cache_folder(), base.fingerprint, noun, sampler, count, spec.image_size)
        name = f"class images: a {noun}"
        reporter.start(name, count)
        made = ensure_class_images(
            wanted, base, sampler, prepared.runtime, reporter.say, lambda n: reporter.advance(name, n)
        )
        reporter.finish(name)
        return made

    def on_step(done: int, total: int) -> None:
        if done == 1:
            reporter.start(bar, total)
        reporter.advance(bar)

    return Context(prepared.runtime, prepared.identifier, class_images, on_step)


def settle_weights(weights: Path, checkpoint: Path, keep: bool) -> None:
    """Put weights that are done with where they are kept, or take them away; there may be none."""
    if not weights.exists():
        return
    if keep and not checkpoint.exists():
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        weights.rename(checkpoint)
    else:
        shutil.rmtree(weights)


def _out_of_memory(error: RuntimeError, subject: Subject) -> DreambenchError | None:
    if type(error).__name__ != "OutOfMemoryError" and "out of memory" not in str(error).lower():
        return None
    return DreambenchError(
        f"out of memory at {subject.name}",
        "try --set runtime.gradient_checkpointing=true, method.optimizer=adamw8bit, or a smaller "
        "runtime.generation_batch_size; the same command goes on from here",
    )


def score(prepared: Prepared, run_folder: RunFolder, reporter: Reporter) -> None:
    """Score all images of a run that are there, and write the score tables."""
    spec, runtime = prepared.spec, prepared.runtime
    cells = [
        present(cell)
        for subject in prepared.subjects
        for cell in expected_cells(spec, subject, prepared.words(subject), run_folder)
    ]
    priors = [p for s in prepared.subjects for p in prior_images(spec, s, run_folder)]
    photos = photo_files(prepared.subjects)
    reporter.start("scoring", count_files(cells, priors, photos))
    score_images(
        run_folder,
        cells,
        priors,
        photos,
        spec.protocol,
        device=str(runtime.device),
        batch_size=runtime.spec.scoring_batch_size,
        decode_threads=runtime.spec.decode_threads,
        on_image=lambda count: reporter.advance("scoring", count),
    )
    reporter.finish("scoring")
