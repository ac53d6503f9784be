"""The interface: units of work go in with what they need, outcomes come out as they end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    """What a unit does, as plain data that can be sent to another machine.

    All its results are files below ``root``, whole or absent, so that a task that is done again goes on
    from what is there.
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
        """Return the task's files that are there, below ``root``; weights that only pass by are left out."""
        ...

    def is_done(self) -> bool:
        """Whether every file that the task is asked for is there."""
        ...

    def elsewhere(self) -> Task:
        """Return the task for this machine, which does not see ``root``: in its own cache folder."""
        ...

    def forget(self) -> None:
        """Remove the files of a task that was worked ``elsewhere`` and whose results have been sent."""
        ...


@dataclass(frozen=True)
class Unit:
    """One piece of work in the queue.

    ``after`` names the units that must be done first, as far as they are in the queue; ``reads`` are the
    tasks, done by then, whose files this one reads. ``shares`` is how much
    of the unit one tick of each of its bars is, summing to 1 over the unit. ``time_limit`` is in seconds
    (None: from the units that have ended). ``log`` is the file that tells how it went.
    """

    name: str
    task: Task
    after: tuple[str, ...] = ()
    reads: tuple[Task, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    time_limit: float | None = None
    log: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """How a unit ended. ``error`` is one line, None where it is done; ``seconds`` are of its last attempt."""

    unit: Unit
    error: str | None = None
    machine: str | None = None
    attempts: int = 1
    seconds: float = 0.0


class Executor(Protocol):
    """Works units, each after those that it depends on; ``in_process`` says whether in this process."""

    in_process: bool

    def run(self, units: Sequence[Unit], watch: ProgressListener) -> Iterator[Outcome]:
        """Work all units and yield each one's outcome as it ends.

        Raises DreambenchError where the work cannot go on at all; KeyboardInterrupt leaves no worker behind.
        """
        ...

    def close(self) -> None:
        """Stop what was started; safe to call twice."""
        ...
