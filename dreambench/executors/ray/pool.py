"""The worker processes: as many as there is room for, each replaced when it dies."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dreambench.errors import DreambenchError
from dreambench.executors.events import Ended, Files, Progress
from dreambench.executors.ray.cluster import Connection
from dreambench.executors.ray.worker import Machine, Worker
from dreambench.executors.task import QueuedTask, WorkerModels
from dreambench.executors.task_log import TaskLog
from dreambench.spec.version import __version__

_LOOK_AGAIN = 10.0
_MAX_FALSE_STARTS = 3


@dataclass(eq=False)
class WorkerHandle:
    """One worker: starting (``machine`` is None), idle (``queued`` is None) or at work."""

    actor: Any
    handshake: Any
    machine: Machine | None = None
    queued: QueuedTask | None = None
    log: TaskLog | None = None
    stream: Any = None
    began: float = 0.0

    @property
    def waits_for(self) -> Any:
        """What Ray waits for: the worker's start, its task's next event, or nothing (None)."""
        return self.handshake if self.machine is None else self.stream


class Pool:
    """The workers of one executor."""

    def __init__(self, connection: Connection, make_models: Callable[[str], WorkerModels]) -> None:
        self._connection, self._make_models = connection, make_models
        self._places: Mapping[str, tuple[str | None, str]] = {}
        self._ray = connection.ray
        self._actor = self._ray.remote(Worker)
        self.slots: list[WorkerHandle] = []
        self._target, self._looked = 0, -_LOOK_AGAIN
        self._false_starts = 0

    def handshake(self, places: Mapping[str, tuple[str | None, str]]) -> None:
        """Ask all workers, those there are and those to come, which of these places they share."""
        self._places = places
        for slot in self.slots:
            slot.machine, slot.handshake = None, slot.actor.handshake.remote(places)

    def grow(self, wanted: int) -> None:
        """Start workers until there are ``wanted`` ones, or no room for more.

        The room is checked again from time to time: machines may join and leave.
        """
        if time.monotonic() - self._looked >= _LOOK_AGAIN:
            self._target, self._looked = self._connection.target(), time.monotonic()
        while len(self.slots) < min(self._target, wanted):
            c = self._connection
            actor = self._actor.options(
                num_cpus=c.cpus, num_gpus=c.gpus, max_restarts=0, scheduling_strategy="SPREAD"
            ).remote(c.environment(), self._make_models)
            self.slots.append(WorkerHandle(actor, actor.handshake.remote(self._places)))

    def started(self, slot: WorkerHandle) -> None:
        """A starting worker has answered. Raises DreambenchError where workers keep dying as they start."""
        try:
            machine: Machine = self._ray.get(slot.handshake)
        except Exception as error:
            self.remove(slot)
            self._false_starts += 1
            if self._false_starts >= _MAX_FALSE_STARTS:
                raise DreambenchError(
                    f"workers die as they start: {reason(error)}",
                    "install the same dreambench on every machine of the cluster",
                ) from error
            return
        if machine.version != __version__:
            raise DreambenchError(
                f"{machine.name} has dreambench {machine.version}, not {__version__}",
                "install the same version on every machine",
            )
        self._false_starts = 0
        slot.machine = machine

    def next_event(self, slot: WorkerHandle) -> Progress | Files | Ended:
        """Return the next event of a slot's task; a worker's death is the end of its task."""
        try:
            event: Progress | Files | Ended = self._ray.get(next(slot.stream))
        except StopIteration:
            return Ended("the worker stopped without an error", broken=True)
        except self._ray.exceptions.RayError as error:
            return Ended(reason(error), str(error), broken=True)
        return event

    def idle(self) -> list[WorkerHandle]:
        """Return the idle workers."""
        return [slot for slot in self.slots if slot.machine is not None and slot.queued is None]

    def nodes(self) -> set[str]:
        """Return the machines that have workers."""
        return {slot.machine.node for slot in self.slots if slot.machine is not None}

    def remove(self, slot: WorkerHandle) -> None:
        """Kill a worker if it is still alive; the next ``grow`` starts another one."""
        self.slots.remove(slot)
        with contextlib.suppress(Exception):
            self._ray.kill(slot.actor)

    def stop_work(self) -> None:
        """Kill the workers that are in the middle of a task."""
        for slot in [slot for slot in self.slots if slot.queued is not None]:
            self.remove(slot)

    def close(self) -> None:
        """Kill all workers."""
        for slot in list(self.slots):
            self.remove(slot)


def reason(error: Exception) -> str:
    """Return why Ray says that a worker is gone, in one line."""
    kinds = {
        "OutOfMemoryError": "the machine ran out of memory and the worker was killed",
        "NodeDiedError": "its machine was lost",
        "ObjectLostError": "its files were lost with their machine",
        "OwnerDiedError": "its files were lost with their machine",
    }
    if type(error).__name__ in kinds:
        return kinds[type(error).__name__]
    if type(error).__name__ in ("ActorDiedError", "RayActorError", "ActorUnavailableError"):
        text = str(error).lower()
        if "node" in text and ("died" in text or "dead" in text) and "worker process has died" not in text:
            return "its machine was lost"
        return "the worker process was killed or crashed"
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__
