"""The tasks that wait: which may start now, which failed where, and when one is given up or hangs."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from dreambench.executors.task import QueuedTask, hung_after


class Waiting:
    """The tasks of a queue that have not ended, in their order.

    A task starts when those that it comes ``after`` are done. One that failed waits again, for another
    machine if there is one, until it has been tried ``attempts`` times.
    """

    def __init__(self, queue: Sequence[QueuedTask], attempts: int) -> None:
        self._waiting = {queued.name: queued for queued in queue}
        self._started: dict[str, QueuedTask] = {}
        self._attempts = attempts
        self._failures: dict[str, list[str]] = {}

    def __len__(self) -> int:
        """How many tasks have not ended."""
        return len(self._waiting) + len(self._started)

    def tried(self, queued: QueuedTask) -> int:
        """How often a task has failed so far."""
        return len(self._failures.get(queued.name, []))

    def take(self, machine: str, machines: Collection[str] = ()) -> QueuedTask | None:
        """Start and return the next task for a machine; None where the machine has to wait.

        A task that failed on this machine is left to another of ``machines`` where it has not failed.
        """
        for queued in self._waiting.values():
            if any(name in self._waiting or name in self._started for name in queued.after):
                continue
            failed_on = self._failures.get(queued.name, [])
            if machine in failed_on and not set(machines) <= set(failed_on):
                continue
            self._started[queued.name] = self._waiting.pop(queued.name)
            return queued
        return None

    def done(self, queued: QueuedTask) -> None:
        """A task that was started has ended well."""
        del self._started[queued.name]

    def failed(self, queued: QueuedTask, machine: str) -> bool:
        """A task that was started has failed on a machine; return whether it will be tried again."""
        del self._started[queued.name]
        self._failures.setdefault(queued.name, []).append(machine)
        if self.tried(queued) >= self._attempts:
            return False
        self._waiting[queued.name] = queued
        return True

    def drop_after(self, queued: QueuedTask) -> list[QueuedTask]:
        """Remove and return the tasks that can never start because ``task`` was given up."""
        dropped = [other for other in self._waiting.values() if queued.name in other.after]
        for other in dropped:
            del self._waiting[other.name]
        return dropped + [more for other in dropped for more in self.drop_after(other)]


class TimeLimits:
    """How long tasks may take: their own limits, or what those of their kind took.

    A training says nothing about a set of class images, nor a subject of one run about another run's: until a
    task of the same kind has ended, there is no limit.
    """

    def __init__(self) -> None:
        self._longest: dict[str, float] = {}

    def learn(self, queued: QueuedTask, seconds: float) -> None:
        """A task that began with nothing has ended well after so many seconds."""
        self._longest[queued.kind] = max(seconds, self._longest.get(queued.kind, 0.0))

    def of(self, queued: QueuedTask) -> float:
        """Return the seconds after which a task counts as hung; infinity for no limit."""
        if queued.time_limit is not None:
            return queued.time_limit
        return hung_after(self._longest.get(queued.kind, math.inf))
