"""Progress of long work: bars with an ETA on stderr, and a stopwatch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

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

from dreambench.errors import printable

_Thing = TypeVar("_Thing")
_Result = TypeVar("_Result")

#: Without a terminal, a stage prints a line at most this often, in seconds.
EVERY = 30.0


class ProgressListener(Protocol):
    """Receives the progress of long work: bars on a terminal, a log file, or another process."""

    def start(self, name: str, total: int, done: int = 0) -> None:
        """Begin a stage called ``name``, with ``done`` of ``total`` already done."""
        ...

    def advance(self, name: str, count: float = 1) -> None:
        """Add ``count`` to what is done of a stage."""
        ...

    def finish(self, name: str) -> None:
        """End a stage."""
        ...

    def say(self, line: str) -> None:
        """Show one line of notice."""
        ...


class Reporter:
    """Progress bars on stderr by name, with lines of notice above them."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def start(self, name: str, total: int, done: int = 0) -> None:
        """Show a bar called ``name`` with ``done`` of ``total`` already done."""
        self._progress.start()  # only now: a display without a bar would leave an empty line behind
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total, completed=done)
        else:
            self._progress.reset(self._tasks[name], total=total, completed=done)

    def advance(self, name: str, count: float = 1) -> None:
        """Move a bar that was started; ignore other names."""
        if name in self._tasks:
            self._progress.advance(self._tasks[name], count)

    def finish(self, name: str) -> None:
        """Remove a bar."""
        task = self._tasks.pop(name, None)
        if task is not None:
            self._progress.remove_task(task)

    def say(self, line: str) -> None:
        """Print one line of notice on stderr."""
        self._progress.console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


class LineReporter:
    """Progress for a log file: a line as a stage begins, and then one now and then with rate and ETA."""

    def __init__(
        self, console: Console, every: float = EVERY, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console, self._every, self._clock = console, every, clock
        self._lock = threading.Lock()
        self._stages: dict[str, _Stage] = {}

    def start(self, name: str, total: int, done: int = 0) -> None:
        """Print a stage's first line, with ``done`` of ``total`` already done."""
        with self._lock:
            now = self._clock()
            self._stages[name] = _Stage(total, done, done, now, now)
        self.say(f"{name}: {done:,} of {total:,}")

    def advance(self, name: str, count: float = 1) -> None:
        """Count, and print a line if the last one is some time ago; ignore other names."""
        with self._lock:
            stage, now = self._stages.get(name), self._clock()
            if stage is None:
                return
            stage.done += count
            if now - stage.said < self._every or stage.done >= stage.total:
                return
            stage.said = now
            line = f"{name}: {stage.in_words(now)}"
        self.say(line)

    def finish(self, name: str) -> None:
        """Forget a stage; a long one has a last line."""
        with self._lock:
            stage, now = self._stages.pop(name, None), self._clock()
        if stage is not None and now - stage.began >= self._every:
            self.say(f"{name}: done in {_duration(now - stage.began)}")

    def say(self, line: str) -> None:
        """Print one line of notice on stderr."""
        self._console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


@dataclass
class _Stage:
    total: float
    before: float
    done: float
    began: float
    said: float

    def in_words(self, now: float) -> str:
        """Return done, total, rate and ETA."""
        seconds, made = now - self.began, self.done - self.before
        count = f"{self.done:,.0f} of {self.total:,.0f}"
        if made <= 0 or seconds <= 0:
            return count
        rate = made / seconds
        pace = f"{rate:.2f} a second" if rate >= 1 else f"{1 / rate:.1f} s each"
        return f"{count}, {pace}, {_duration((self.total - self.done) / rate)} left"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@contextmanager
def reporter(quiet: bool = False) -> Iterator[Reporter | LineReporter]:
    """Show progress on stderr while the block runs: bars, or lines where it is not a terminal.

    ``quiet`` shows notices only.
    """
    console = Console(stderr=True)
    if not quiet and not console.is_terminal:
        yield LineReporter(console)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    progress = Progress(*columns, console=console, disable=quiet)
    try:
        yield Reporter(progress)
    finally:
        if progress.tasks or progress.live.is_started:
            progress.stop()


@contextmanager
def reporting(listener: ProgressListener | None) -> Iterator[ProgressListener]:
    """Lend ``listener``, or bars on stderr where it is None."""
    if listener is not None:
        yield listener
        return
    with reporter() as shown:
        yield shown


def each_in_threads(
    bar: str, things: Sequence[_Thing], work: Callable[[_Thing], _Result], threads: int | None, quiet: bool
) -> dict[_Thing, _Result]:
    """Do some work on each thing, in threads and under a bar on stderr; return the results in their order.

    The first error ends it, Ctrl-C too: what has not started is dropped, not waited for.
    """
    with reporter(quiet) as shown, ThreadPoolExecutor(threads) as pool:
        shown.start(bar, len(things))
        jobs = {thing: pool.submit(work, thing) for thing in things}
        try:
            for job in as_completed(jobs.values()):
                job.result()
                shown.advance(bar)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        shown.finish(bar)
    return {thing: job.result() for thing, job in jobs.items()}


class Stopwatch:
    """Measures the seconds of one of many equal pieces of work."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._seconds, self._count = 0.0, 0

    def begin(self) -> None:
        """Start the clock at zero pieces."""
        self._began, self._seconds, self._count = time.monotonic(), 0.0, 0

    def add(self, count: int) -> None:
        """Count ``count`` more pieces as done by now."""
        if self._began is not None:
            self._seconds = time.monotonic() - self._began
            self._count += count

    def rate(self) -> float | None:
        """Return the seconds per piece, or None if no piece was counted."""
        return round(self._seconds / self._count, 6) if self._count else None
