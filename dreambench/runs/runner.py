"""Runs from photos to scores, task by task; a run that was killed at any time resumes where it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from dreambench.errors import DreambenchError
from dreambench.executors import Executor, Outcome, QueuedTask
from dreambench.progress import ProgressListener
from dreambench.runs.prepare import Prepared, start_record
from dreambench.runs.score_run import is_embedded, say_notices, score_run
from dreambench.runs.subject import is_made, set_damage_aside
from dreambench.runs.tasks import SubjectTask, queued_class_images, queued_subject
from dreambench.store import RunFolder, locked_run
from dreambench.store.files import remove_leftovers
from dreambench.store.record import Status, ends_are_recorded
from dreambench.store.scratch_folder import keep_or_remove

#: A run shorter than this many seconds needs no page before its end.
PATIENCE = 20.0
#: The page is made again after this many times the seconds that it took.
SPARING = 20.0


@dataclass(frozen=True)
class Job:
    """A prepared run, the folder of its results, and the time limit of its tasks in seconds."""

    prepared: Prepared
    folder: Path
    keep_checkpoints: bool = False
    notes: list[str] = field(default_factory=list)
    time_limit: float | None = None


@dataclass
class _Running:
    """A run that is worked on: ``left`` are the names of its tasks that have not ended."""

    job: Job
    run_folder: RunFolder
    began: float
    queue: list[QueuedTask]
    made_on: dict[str, str] = field(default_factory=dict)
    failed: list[Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.left = {queued.name for queued in self.queue}

    def take(self, outcome: Outcome) -> bool:
        """Record a task's outcome; return whether the task belongs to the run."""
        name = outcome.queued.name
        if name not in self.left:
            return False
        self.left.discard(name)
        if outcome.error is not None:
            self.failed.append(outcome)
        elif outcome.machine is not None:
            self.made_on[name.removeprefix(f"{self.run_folder.path.name}/")] = outcome.machine
        return True

    def subjects_ended(self) -> list[str]:
        """Return the subjects without a task left; workers may be writing the files of the others."""
        names = [subject.name for subject in self.job.prepared.subjects]
        return [name for name in names if f"{self.run_folder.path.name}/{name}" not in self.left]


def run_all(
    jobs: Sequence[Job],
    executor: Executor,
    watch: ProgressListener,
    show: Callable[[RunFolder], object] | None = None,
) -> tuple[list[RunFolder], list[Outcome]]:
    """Execute the tasks of several runs as one queue; return the run folders and the failed tasks.

    ``show`` makes a page of a run's tables; it is called from time to time as subjects finish. A run's tables
    are made as soon as its last task has ended, while other runs continue. A run with a failed task gets
    scores for what was made, and ends as ``partial``; the same call finishes it. Raises DreambenchError.
    After KeyboardInterrupt, the same call resumes the runs.
    """
    with ExitStack() as stack:
        records = [start_record(job.prepared, job.folder.name, job.notes) for job in jobs]
        folders = [
            stack.enter_context(locked_run(job.folder, record))
            for job, record in zip(jobs, records, strict=True)
        ]
        began = time.monotonic()
        stack.enter_context(failures_are_recorded(folders, began))
        running = [
            _begun(job, run_folder, began, executor, watch)
            for job, run_folder in zip(jobs, folders, strict=True)
        ]
        make_tables = stack.enter_context(_tables_beside(executor))
        live = None if show is None else LiveTables(show)
        for r in running:
            if not r.left:
                make_tables(_finish, r, watch)
        queue = {queued.name: queued for r in running for queued in r.queue}  # runs share class images
        # Always closed here: the garbage collector might close it only after the process's last line.
        outcomes = stack.enter_context(closing(executor.run(list(queue.values()), watch)))
        for outcome in outcomes:
            for r in [r for r in running if r.take(outcome)]:
                if not r.left:
                    make_tables(_finish, r, watch)
                elif live and outcome.error is None and isinstance(outcome.queued.task, SubjectTask):
                    make_tables(live.refresh, r.job.prepared, r.run_folder, watch, r.subjects_ended())
    return folders, [outcome for r in running for outcome in r.failed]


def _begun(
    job: Job, run_folder: RunFolder, began: float, executor: Executor, watch: ProgressListener
) -> _Running:
    """Set aside what is damaged in a run's folder, and queue what is missing."""
    for subject in job.prepared.subjects:
        set_damage_aside(job.prepared, subject, run_folder, watch.say)
    say_notices(run_folder, watch)
    return _Running(job, run_folder, began, _queue(job, run_folder, embed=not executor.in_process))


@contextmanager
def _tables_beside(executor: Executor) -> Iterator[Callable[..., object]]:
    """Lend what calls a function that makes tables: at once, or in a thread while workers go on."""
    if executor.in_process:
        yield lambda function, *arguments: function(*arguments)
        return
    thread, made = ThreadPoolExecutor(1), list[Future[object]]()
    try:
        yield lambda function, *arguments: made.append(thread.submit(function, *arguments))
        for tables in made:
            tables.result()
    finally:
        thread.shutdown(cancel_futures=True)


class LiveTables:
    """Tables and page of a run in progress: made when a subject is done, rarely enough to cost little.

    ``show`` makes the page of a run's score tables.
    """

    def __init__(self, show: Callable[[RunFolder], object]) -> None:
        self.show = show
        self._next = time.monotonic() + PATIENCE

    def refresh(
        self, prepared: Prepared, run_folder: RunFolder, watch: ProgressListener, ended: Collection[str]
    ) -> bool:
        """Make tables and page of the finished subjects if it is time; return whether it was."""
        began = time.monotonic()
        if began < self._next:
            return False
        try:
            score_run(prepared, run_folder, watch, ended)
            self.show(run_folder)
        except DreambenchError as error:  # the run itself continues
            watch.say(f"no page yet: {error}")
        now = time.monotonic()
        self._next = now + max(PATIENCE, SPARING * (now - began))
        return True


def _queue(job: Job, run_folder: RunFolder, embed: bool) -> list[QueuedTask]:
    """Return a run's tasks that are not done, class images before the first subject that needs them."""
    queue = []
    for subject in job.prepared.subjects:
        weights = run_folder.weights_folder(subject.name).exists()
        made = is_made(job.prepared, subject, run_folder)
        if made and not weights and (not embed or is_embedded(job.prepared, subject, run_folder)):
            continue
        sets = [] if made or weights else queued_class_images(job.prepared, run_folder, subject)
        queue += [replace(queued, time_limit=job.time_limit) for queued in sets if not queued.task.is_done()]
        queue.append(
            queued_subject(
                job.prepared,
                run_folder,
                subject,
                sets,
                keep_checkpoints=job.keep_checkpoints,
                embed=embed,
                time_limit=job.time_limit,
            )
        )
    return queue


def _finish(r: _Running, watch: ProgressListener) -> None:
    """Make a run's tables, and complete its log with the machines that made it."""
    prepared, run_folder = r.job.prepared, r.run_folder
    remove_leftovers(run_folder.path, spared=run_folder.galleries_folder)
    for subject in prepared.subjects:
        if is_made(prepared, subject, run_folder):
            weights = run_folder.weights_folder(subject.name)
            checkpoint = run_folder.checkpoint_folder(subject.name)
            keep_or_remove(weights, checkpoint, r.job.keep_checkpoints)
    with ends_are_recorded(partial(_ended, run_folder, r.began)):
        score_run(prepared, run_folder, watch)
    notes = {s.name: run_folder.subject_note(s.name) or {} for s in prepared.subjects}
    noted = {name: str(note["machine"]) for name, note in notes.items() if "machine" in note}
    errors = [f"{outcome.queued.name}: {outcome.error}" for outcome in r.failed]
    _ended(
        run_folder,
        r.began,
        "partial" if r.failed else "complete",
        made_on={**run_folder.record.made_on, **r.made_on, **noted},
        error="; ".join(errors) or None,
    )


def _ended(run_folder: RunFolder, began: float, status: Status, **changes: Any) -> None:
    seconds = run_folder.record.seconds + time.monotonic() - began
    run_folder.save_record(status, seconds=round(seconds, 3), **changes)


@contextmanager
def failures_are_recorded(run_folders: Sequence[RunFolder], began: float) -> Iterator[None]:
    """Write into the logs of runs that end early how they ended; ``began`` is of ``time.monotonic``."""

    def record(status: Status, **changes: str) -> None:
        for run_folder in run_folders:
            if run_folder.record.status == "started":
                _ended(run_folder, began, status, **changes)

    with ends_are_recorded(record):
        yield
