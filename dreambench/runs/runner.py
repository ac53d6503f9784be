"""Runs from photos to scores, unit by unit; killed at any instant, they go on where they were."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dreambench.executors import Executor, Outcome, Unit
from dreambench.executors.local import LocalExecutor
from dreambench.metrics.scoring import score_images
from dreambench.progress import ProgressListener
from dreambench.runs.model_cache import ModelCache
from dreambench.runs.prepare import Prepared, start_record
from dreambench.runs.requests import count_files, expected_cells, photo_files, present, prior_images
from dreambench.runs.resolve import default_run_name
from dreambench.runs.subject import is_embedded, is_made, keep_or_delete_weights
from dreambench.runs.tasks import class_images_units, subject_unit
from dreambench.store import RunFolder, locked_run
from dreambench.store.files import remove_leftovers
from dreambench.store.record import Status


def run(
    prepared: Prepared,
    out: Path | None,
    watch: ProgressListener,
    keep_checkpoints: bool = False,
    notes: list[str] | None = None,
) -> RunFolder:
    """Personalize, generate and score every subject of a prepared run here; return the finished run folder.

    ``out`` is the run's folder (None: results/ and a name from the spec's key). A folder that holds the
    same run is gone on with. Raises DreambenchError; KeyboardInterrupt leaves a resumable run.
    """
    folder = out or Path("results") / default_run_name(prepared.spec)
    bench = ModelCache()
    bench.lay_out(prepared)
    began = time.monotonic()
    with _started(Job(prepared, folder, keep_checkpoints, notes or [])) as run_folder:
        with _failures_are_recorded([run_folder], began):
            _make_all(prepared, run_folder, watch, keep_checkpoints, LocalExecutor(bench))
            score(prepared, run_folder, watch)
        _ended(run_folder, began, "complete")
    return run_folder


def _make_all(
    prepared: Prepared,
    run_folder: RunFolder,
    watch: ProgressListener,
    keep_checkpoints: bool,
    executor: Executor,
) -> None:
    watch.start("subjects", len(prepared.subjects))
    for subject in prepared.subjects:
        if not is_made(prepared, subject, run_folder):
            trained = run_folder.weights_folder(subject.name).exists()
            units = [] if trained else class_images_units(prepared, run_folder, subject)
            keep = keep_checkpoints
            units.append(subject_unit(prepared, run_folder, subject, keep_checkpoints=keep, embed=False))
            for _ in executor.run(units, watch):
                pass
        weights = run_folder.weights_folder(subject.name)
        keep_or_delete_weights(weights, run_folder.checkpoint_folder(subject.name), keep_checkpoints)
        watch.advance("subjects")
    watch.finish("subjects")


@dataclass(frozen=True)
class Job:
    """A prepared run, and where its results belong."""

    prepared: Prepared
    folder: Path
    keep_checkpoints: bool = False
    notes: list[str] = field(default_factory=list)
    time_limit: float | None = None


@dataclass
class _Running:
    job: Job
    run_folder: RunFolder
    left: set[str]
    began: float
    made_on: dict[str, str] = field(default_factory=dict)
    failed: list[Outcome] = field(default_factory=list)


def run_all(
    jobs: Sequence[Job], executor: Executor, watch: ProgressListener
) -> tuple[list[RunFolder], list[Outcome]]:
    """Work the units of several runs as one queue; return the run folders and the units that failed.

    A run's tables are made as soon as its last unit has ended, while other runs go on. A run with a failed
    unit is scored as far as it is made, and ends as ``partial``; the same call finishes it. Raises
    DreambenchError; KeyboardInterrupt leaves resumable runs.
    """
    with ExitStack() as stack:
        folders = [stack.enter_context(_started(job)) for job in jobs]
        began = time.monotonic()
        stack.enter_context(_failures_are_recorded(folders, began))
        units: dict[str, Unit] = {}
        running = []
        for job, run_folder in zip(jobs, folders, strict=True):
            own = _units(job, run_folder)
            units.update((unit.name, unit) for unit in own)
            running.append(_Running(job, run_folder, {unit.name for unit in own}, began))
        with ThreadPoolExecutor(1) as tables:
            waiting = [tables.submit(_finish, r, watch) for r in running if not r.left]
            try:
                waiting += _work(list(units.values()), running, executor, watch, tables)
                for table in waiting:
                    table.result()
            finally:
                tables.shutdown(cancel_futures=True)
    return folders, [outcome for r in running for outcome in r.failed]


def _units(job: Job, run_folder: RunFolder) -> list[Unit]:
    """Return a run's units that are not done, class images before the first subject that needs them."""
    units = []
    for subject in job.prepared.subjects:
        weights = run_folder.weights_folder(subject.name).exists()
        made = is_made(job.prepared, subject, run_folder)
        if made and not weights and is_embedded(job.prepared, subject, run_folder):
            continue
        sets = [] if made or weights else class_images_units(job.prepared, run_folder, subject)
        units += [replace(u, time_limit=job.time_limit) for u in sets if not u.task.is_done()]
        keep = job.keep_checkpoints
        units.append(
            subject_unit(
                job.prepared, run_folder, subject, sets, keep_checkpoints=keep, time_limit=job.time_limit
            )
        )
    return units


def _work(
    units: Sequence[Unit],
    running: Sequence[_Running],
    executor: Executor,
    watch: ProgressListener,
    tables: ThreadPoolExecutor,
) -> Iterable[Future[None]]:
    waiting = []
    for outcome in executor.run(units, watch):
        for r in running:
            if outcome.unit.name not in r.left:
                continue
            r.left.discard(outcome.unit.name)
            if outcome.error is not None:
                r.failed.append(outcome)
            elif outcome.machine is not None:
                r.made_on[outcome.unit.name.removeprefix(f"{r.run_folder.path.name}/")] = outcome.machine
            if not r.left:
                waiting.append(tables.submit(_finish, r, watch))
    return waiting


def _finish(r: _Running, watch: ProgressListener) -> None:
    """Make a run's tables, and close its log with the machines that made it."""
    prepared, run_folder = r.job.prepared, r.run_folder
    remove_leftovers(run_folder.path, spared=run_folder.galleries_folder)
    for subject in prepared.subjects:
        if is_made(prepared, subject, run_folder):
            weights = run_folder.weights_folder(subject.name)
            keep_or_delete_weights(
                weights, run_folder.checkpoint_folder(subject.name), r.job.keep_checkpoints
            )
    try:
        score(prepared, run_folder, watch)
    except Exception as error:
        _ended(run_folder, r.began, "failed", error=str(error) or type(error).__name__)
        raise
    notes = {s.name: run_folder.subject_note(s.name) or {} for s in prepared.subjects}
    noted = {name: str(note["machine"]) for name, note in notes.items() if "machine" in note}
    told = [f"{outcome.unit.name}: {outcome.error}" for outcome in r.failed]
    _ended(
        run_folder,
        r.began,
        "partial" if r.failed else "complete",
        made_on={**run_folder.record.made_on, **r.made_on, **noted},
        error="; ".join(told) or None,
    )


@contextmanager
def _started(job: Job) -> Iterator[RunFolder]:
    with locked_run(job.folder, start_record(job.prepared, job.folder.name, job.notes)) as run_folder:
        yield run_folder


def _ended(run_folder: RunFolder, began: float, status: Status, **changes: Any) -> None:
    seconds = run_folder.record.seconds + time.monotonic() - began
    run_folder.save_record(status, seconds=round(seconds, 3), **changes)


@contextmanager
def _failures_are_recorded(run_folders: Sequence[RunFolder], began: float) -> Iterator[None]:
    def record(status: Status, **changes: str) -> None:
        for run_folder in run_folders:
            if run_folder.record.status == "started":
                _ended(run_folder, began, status, **changes)

    try:
        yield
    except KeyboardInterrupt:
        record("interrupted")
        raise
    except Exception as error:
        record("failed", error=str(error) or type(error).__name__)
        raise


def score(prepared: Prepared, run_folder: RunFolder, watch: ProgressListener) -> None:
    """Score all images of a run that are there, and write the score tables."""
    spec, runtime = prepared.spec, prepared.runtime
    cells = [
        present(cell)
        for subject in prepared.subjects
        for cell in expected_cells(spec, subject, prepared.words(subject), run_folder)
    ]
    priors = [p for s in prepared.subjects for p in prior_images(spec, s, run_folder) if p.file.exists()]
    photos = photo_files(prepared.subjects)
    bar = "scoring"
    watch.start(bar, count_files(cells, priors, photos))
    score_images(
        run_folder,
        cells,
        priors,
        photos,
        spec.protocol,
        device=str(runtime.device),
        batch_size=runtime.spec.scoring_batch_size,
        decode_threads=runtime.spec.decode_threads,
        on_image=lambda count: watch.advance(bar, count),
    )
    watch.finish(bar)
