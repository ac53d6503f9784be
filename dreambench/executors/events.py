"""What a worker tells the process that holds the run, while it works a unit and when it ends."""

from __future__ import annotations

import queue
from dataclasses import dataclass, field
from typing import Any

from dreambench.progress import ProgressListener

#: A worker speaks at most this often, in seconds, whatever its steps take.
PAUSE = 0.25


@dataclass(frozen=True)
class Progress:
    """Calls of a ``ProgressListener``, in their order: the function's name and its arguments."""

    calls: list[tuple[str, tuple[Any, ...]]]

    def apply(self, watch: ProgressListener) -> None:
        """Repeat the calls on another watch."""
        for name, arguments in self.calls:
            getattr(watch, name)(*arguments)


@dataclass(frozen=True)
class Files:
    """A parcel of finished files: contents by path relative to the task's root."""

    parcel: dict[str, bytes]


@dataclass(frozen=True)
class Ended:
    """A unit has ended. ``error`` is one line, or None; ``trace`` is for its log.

    ``broken`` says that the worker is gone, or in no state to go on.
    """

    error: str | None = None
    trace: str = ""
    broken: bool = False


@dataclass
class EventQueue:
    """A watch whose calls wait, joined where they can be, until they are read by another thread."""

    _calls: queue.SimpleQueue[tuple[str, tuple[Any, ...]]] = field(default_factory=queue.SimpleQueue)

    def start(self, name: str, total: int, done: int = 0) -> None:
        """Tell that a stage begins."""
        self._calls.put(("start", (name, total, done)))

    def advance(self, name: str, count: float = 1) -> None:
        """Tell that a stage moves on."""
        self._calls.put(("advance", (name, count)))

    def finish(self, name: str) -> None:
        """Tell that a stage has ended."""
        self._calls.put(("finish", (name,)))

    def say(self, line: str) -> None:
        """Tell a notice."""
        self._calls.put(("say", (line,)))

    def read(self) -> Progress | None:
        """Return what was told since the last time, steps of one bar added up; None where it is nothing."""
        calls: list[tuple[str, tuple[Any, ...]]] = []
        while not self._calls.empty():
            name, arguments = self._calls.get()
            if name == "advance" and calls and calls[-1][0] == name and calls[-1][1][0] == arguments[0]:
                calls[-1] = name, (arguments[0], calls[-1][1][1] + arguments[1])
            else:
                calls.append((name, arguments))
        return Progress(calls) if calls else None
