"""What a worker reports to the run's process while it does a task, and when the task ends."""

from __future__ import annotations

import queue
from dataclasses import dataclass, field
from typing import Any

from dreambench.progress import ProgressListener

#: A worker reports at most this often, in seconds, however fast its steps are.
PAUSE = 0.25


@dataclass(frozen=True)
class Progress:
    """Calls of a ``ProgressListener``, in their order: the function's name and its arguments."""

    calls: list[tuple[str, tuple[Any, ...]]]

    def apply(self, watch: ProgressListener) -> None:
        """Repeat the calls on another listener."""
        for name, arguments in self.calls:
            getattr(watch, name)(*arguments)


@dataclass(frozen=True)
class Files:
    """A parcel of finished files: contents by path relative to the task's root."""

    parcel: dict[str, bytes]


@dataclass(frozen=True)
class Ended:
    """A task has ended. ``error`` is one line, or None; ``trace`` is for its log.

    ``broken`` means that the worker is gone, or cannot continue; ``resumed``, that the task had been begun
    before, so that its time says little about the others.
    """

    error: str | None = None
    trace: str = ""
    broken: bool = False
    resumed: bool = False


@dataclass
class EventQueue:
    """A listener whose calls wait, combined where possible, until another thread reads them."""

    _calls: queue.SimpleQueue[tuple[str, tuple[Any, ...]]] = field(default_factory=queue.SimpleQueue)

    def start(self, name: str, total: int, done: int = 0) -> None:
        """Report that a stage begins."""
        self._calls.put(("start", (name, total, done)))

    def advance(self, name: str, count: float = 1) -> None:
        """Report that a stage advances."""
        self._calls.put(("advance", (name, count)))

    def finish(self, name: str) -> None:
        """Report that a stage has ended."""
        self._calls.put(("finish", (name,)))

    def say(self, line: str) -> None:
        """Report a notice."""
        self._calls.put(("say", (line,)))

    def read(self) -> Progress | None:
        """Return the calls since the last time, with the steps of one bar added up; None for none."""
        calls: list[tuple[str, tuple[Any, ...]]] = []
        while not self._calls.empty():
            name, arguments = self._calls.get()
            if name == "advance" and calls and calls[-1][0] == name and calls[-1][1][0] == arguments[0]:
                calls[-1] = name, (arguments[0], calls[-1][1][1] + arguments[1])
            else:
                calls.append((name, arguments))
        return Progress(calls) if calls else None
