"""The interface of executors: tasks go in with what they need, outcomes come out as tasks end."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from dreambench.progress import ProgressListener


class WorkerModels(Protocol):
    """The models that a process loads once and uses for one task after another.

    ``machine`` names the process's machine in notes and logs; None leaves them without a name.
    """

    machine: str | None


class Task(Protocol):
    """What is to be done, as plain data that can be sent to another machine.

    All its results are files below ``root``, whole or absent, so that a task that is repeated
    resumes from what exists.
    """

    @property
    def root(self) -> Path:
        """The folder that the task's files are in."""
        ...

    @property
    def place(self) -> Path | None:
        """The folder that a machine must see to work in ``root``; None for its own cache folder."""
        ...

    def perform(self, models: Any, watch: ProgressListener) -> None:
        """Do the work with ``models``, the WorkerModels of this process; skip what exists already."""
        ...

    def finished_files(self) -> list[Path]:
        """Return the task's files that exist below ``root``, without temporary weights."""
        ...

    def is_done(self) -> bool:
        """Whether every file that the task is asked for is there."""
        ...

    def is_begun(self) -> bool:
        """Whether something of it is there already, from an earlier attempt or another run."""
        ...

    def elsewhere(self) -> Task:
        """Return the task for a machine that does not see ``root``: in its own cache folder."""
        ...

    def forget(self) -> None:
        """Remove the files of a task that was done ``elsewhere`` and whose results were sent back."""
        ...


@dataclass(frozen=True)
class QueuedTask:
    """One piece of work in the queue.

    ``after`` names the tasks that must be done first, as far as they are in the queue, before this one;
    ``reads`` are the tasks, done by then, whose files this one reads. ``shares`` is how much of the task one
    tick of each of its progress bars is; over the task they sum to 1. ``time_limit`` is in seconds (None:
    from the tasks of the same ``kind`` that have ended). ``log`` is the file of its log.
    """

    name: str
    task: Task
    after: tuple[str, ...] = ()
    reads: tuple[Task, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    time_limit: float | None = None
    log: Path | None = None
    kind: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a task ended. ``error`` is one line, None where it is done; ``seconds`` are of its last attempt."""

    queued: QueuedTask
    error: str | None = None
    machine: str | None = None
    attempts: int = 1
    seconds: float = 0.0


def hung_after(seconds: float) -> float:
    """Return the seconds after which a task counts as hung that should take ``seconds``."""
    return 5 * seconds + 600


class Executor(Protocol):
    """Does tasks, each after those that it depends on; ``in_process`` is whether in this process."""

    in_process: bool

    def run(self, queue: Sequence[QueuedTask], watch: ProgressListener) -> Generator[Outcome, None, None]:
        """Do all tasks and yield each one's outcome as it ends.

        Raises DreambenchError where no work is possible; KeyboardInterrupt leaves no worker behind.
        """
        ...

    def close(self) -> None:
        """Stop what was started; safe to call twice."""
        ...
