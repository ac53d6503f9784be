"""What a person sees of long work: bars with an ETA on stderr; stdout is left to results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class ProgressListener(Protocol):
    """Whoever follows long work: a person's bars, a log, or the process that waits for this one."""

    def start(self, name: str, total: int, done: int = 0) -> None:
        """A piece of work called ``name`` begins, with ``done`` of ``total`` behind it."""
        ...

    def advance(self, name: str, count: float = 1) -> None:
        """``count`` more of it is done."""
        ...

    def finish(self, name: str) -> None:
        """It has ended."""
        ...

    def say(self, line: str) -> None:
        """One line of notice."""
        ...


class Reporter:
    """Progress bars by name, and lines of notice above them."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def start(self, name: str, total: int, done: int = 0) -> None:
        """Show a bar called ``name`` with ``done`` of ``total`` behind it."""
        self._progress.start()  # only now: a display without a bar would leave an empty line behind
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total, completed=done)
        else:
            self._progress.reset(self._tasks[name], total=total, completed=done)

    def advance(self, name: str, count: float = 1) -> None:
        """Move a bar that was started; others are left alone."""
        if name in self._tasks:
            self._progress.advance(self._tasks[name], count)

    def finish(self, name: str) -> None:
        """Take a bar away."""
        task = self._tasks.pop(name, None)
        if task is not None:
            self._progress.remove_task(task)

    def say(self, line: str) -> None:
        """Print one line of notice on stderr."""
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def reporter(quiet: bool = False) -> Iterator[Reporter]:
    """Show progress on stderr while the block runs; ``quiet`` shows notices only."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    progress = Progress(*columns, console=Console(stderr=True), disable=quiet)
    try:
        yield Reporter(progress)
    finally:
        if progress.tasks or progress.live.is_started:
            progress.stop()
