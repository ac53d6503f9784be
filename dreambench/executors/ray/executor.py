"""The queue on Ray: every free worker gets the next task, and a task that fails is tried again."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from dreambench.executors.events import Ended, Files
from dreambench.executors.executor_options import ExecutorOptions
from dreambench.executors.ray.cluster import Connection, require_ray
from dreambench.executors.ray.object_store import ObjectStoreFiles, unpack
from dreambench.executors.ray.pool import Pool, WorkerHandle
from dreambench.executors.task import Outcome, QueuedTask, Task, WorkerModels
from dreambench.executors.task_log import TaskLog
from dreambench.executors.waiting import TimeLimits, Waiting
from dreambench.paths import cache_folder
from dreambench.progress import ProgressListener

_CACHE = "the cache folder"
_LOOK = 0.5


class RayExecutor:
    """Does tasks on the workers of a Ray cluster. Ray is started with the first task, not before.

    Workers stay for the next ``run``, with their models, until ``close``. ``make_models`` is called once in
    each worker, before its first task's clock runs: it loads the libraries and returns the worker's models.
    """

    in_process = False

    def __init__(self, options: ExecutorOptions, make_models: Callable[[str], WorkerModels]) -> None:
        require_ray()
        self._options, self._make_models = options, make_models
        self._connection: Connection | None = None
        self._pool: Pool | None = None

    def workers(self) -> list[tuple[str, int]]:
        """Return the tasks at work and the process ids of their workers."""
        slots = self._pool.slots if self._pool else []
        return [
            (s.queued.name, s.machine.pid) for s in slots if s.queued is not None and s.machine is not None
        ]

    def run(self, queue: Sequence[QueuedTask], watch: ProgressListener) -> Generator[Outcome, None, None]:
        """Do all tasks and yield their outcomes; a task that keeps failing is yielded with its error."""
        if not queue:
            return
        if self._connection is None:
            self._connection = Connection(self._options)
        self._pool = self._pool or Pool(self._connection, self._make_models)
        with _places(queue) as places:
            self._pool.handshake(places)
            try:
                yield from _Queue(queue, self._pool, self._connection, watch).work()
            finally:
                self._pool.stop_work()

    def close(self) -> None:
        """Stop the workers, and the Ray that was started for them."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def _places(queue: Sequence[QueuedTask]) -> Iterator[dict[str, tuple[str | None, str]]]:
    """Put a file into every folder that tasks use: a worker that finds the file shares the folder."""
    token = f".shared.{uuid.uuid4().hex[:8]}.tmp"
    folders: dict[str, Path | None] = {_place(u.task): u.task.place for u in queue} | {_CACHE: None}
    with ExitStack() as stack:
        for folder in folders.values():
            file = (folder or cache_folder()) / token
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
            stack.callback(file.unlink, missing_ok=True)
        yield {name: (str(folder) if folder else None, token) for name, folder in folders.items()}


def _place(task: Task) -> str:
    return _CACHE if task.place is None else str(task.place)


class _Queue:
    def __init__(
        self, queue: Sequence[QueuedTask], pool: Pool, connection: Connection, watch: ProgressListener
    ) -> None:
        self.options = connection.options
        self.waiting = Waiting(queue, self.options.attempts)
        self.pool, self.ray, self.watch = pool, connection.ray, watch
        self.parcels = ObjectStoreFiles(connection.ray)
        self.total, self.ended, self.limits = len(queue), 0, TimeLimits()
        self.bar, self.shown = "all units", 0.0
        self.said_waiting = time.monotonic()

    def work(self) -> Iterator[Outcome]:
        """Run until every task has ended."""
        self.watch.start(self.bar, self.total)
        while len(self.waiting):
            self.pool.grow(len(self.waiting))
            self._start_tasks()
            for slot in self._ready():
                yield from self._handle(slot)
            for slot, limit in self._overdue():
                late = Ended(f"it did not end within {limit:.0f} s and was stopped", broken=True)
                yield from self._end(slot, late)
            self._show()
        self.watch.finish(self.bar)

    def _start_tasks(self) -> None:
        for slot in self.pool.idle():
            assert slot.machine is not None
            queued = self.waiting.take(slot.machine.node, self.pool.nodes())
            if queued is None:
                continue
            slot.queued, slot.log, slot.began = queued, TaskLog(queued, self.watch), time.monotonic()
            attempt = f"attempt {self.waiting.tried(queued) + 1} of {self.options.attempts}"
            slot.log.note(f"{attempt} on {slot.machine.name}, process {slot.machine.pid}")
            work = slot.actor.work.options(num_returns="streaming")
            back = self._comes_back(slot, queued.task)
            present = self.parcels.of(queued.task) if back else []
            lacks = self._comes_back(slot, None)
            reads = [(task, self.parcels.kept(task)) for task in queued.reads] if lacks else []
            slot.stream = work.remote(queued.task, back, present, reads)

    def _comes_back(self, slot: WorkerHandle, task: Task | None) -> bool:
        assert slot.machine is not None
        place = _CACHE if task is None else _place(task)
        return place not in slot.machine.sees or (self.options.send_back and place != _CACHE)

    def _ready(self) -> list[WorkerHandle]:
        waits: dict[Any, WorkerHandle] = {s.waits_for: s for s in self.pool.slots if s.waits_for is not None}
        if not waits:
            time.sleep(_LOOK)
            return []
        found, _ = self.ray.wait(list(waits), num_returns=1, timeout=_LOOK)
        if found and len(waits) > 1:
            found, _ = self.ray.wait(list(waits), num_returns=len(waits), timeout=0)
        return [waits[ref] for ref in found]

    def _handle(self, slot: WorkerHandle) -> Iterator[Outcome]:
        if slot.machine is None:
            self.pool.started(slot)
            return
        assert slot.log is not None
        assert slot.queued is not None
        event = self.pool.next_event(slot)
        if isinstance(event, Ended):
            yield from self._end(slot, event)
        elif isinstance(event, Files):
            unpack(slot.queued.task.root, event.parcel)
        else:
            event.apply(slot.log)

    def _end(self, slot: WorkerHandle, end: Ended) -> Iterator[Outcome]:
        queued, machine, log = slot.queued, slot.machine, slot.log
        assert queued is not None
        assert machine is not None
        assert log is not None
        seconds = time.monotonic() - slot.began
        slot.queued = slot.stream = None
        log.abandon()
        attempts = self.waiting.tried(queued) + 1
        if end.error is None:
            self.waiting.done(queued)
            if not end.resumed:
                self.limits.learn(queued, seconds)
            log.note(f"done in {seconds:.1f} s")
            yield self._ended(queued, Outcome(queued, None, machine.name, attempts, seconds))
            return
        log.note(f"failed after {seconds:.1f} s: {end.error}\n{end.trace}")
        if end.broken:
            self.pool.remove(slot)
        if self.waiting.failed(queued, machine.node):
            self.watch.say(f"{queued.name}: {end.error} (on {machine.name}); it is tried again")
            return
        yield self._ended(queued, Outcome(queued, end.error, machine.name, attempts, seconds))
        for other in self.waiting.drop_after(queued):
            yield self._ended(
                other, Outcome(other, f"a unit that it needs failed: {queued.name}", attempts=0)
            )

    def _ended(self, queued: QueuedTask, outcome: Outcome) -> Outcome:
        self.ended += 1
        how = f"done in {outcome.seconds:.0f} s" if outcome.error is None else f"failed: {outcome.error}"
        where = f" on {outcome.machine}" if outcome.machine else ""
        self.watch.say(f"{queued.name}: {how}{where} ({self.ended} of {self.total})")
        return outcome

    def _overdue(self) -> list[tuple[WorkerHandle, float]]:
        now = time.monotonic()
        busy = [(slot, self.limits.of(slot.queued)) for slot in self.pool.slots if slot.queued is not None]
        return [(slot, limit) for slot, limit in busy if now - slot.began > limit]

    def _show(self) -> None:
        at_work = sum(slot.log.fraction for slot in self.pool.slots if slot.queued and slot.log)
        done = self.ended + at_work
        if done > self.shown:
            self.watch.advance(self.bar, done - self.shown)
            self.shown = done
        if any(slot.machine for slot in self.pool.slots):
            self.said_waiting = time.monotonic()
        elif time.monotonic() - self.said_waiting > 60:
            self.watch.say("no machine of the cluster has room for a worker; waiting for one")
            self.said_waiting = float("inf")
