"""Subjects that go wrong at a chosen point, in whichever process works them."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

from dreambench.runs.tasks import SubjectTask


class DoomedWatch:
    """A watch that, at the chosen tick of a bar, does what is to go wrong."""

    def __init__(self, watch, doom) -> None:
        self._watch, self._doom, self._ticks = watch, doom, 0

    def start(self, name, total, done=0):
        self._watch.start(name, total, done)
        if self._doom.at == 0 and name.endswith(self._doom.stage):
            self._doom.happen()

    def advance(self, name, count=1):
        self._watch.advance(name, count)
        if name.endswith(self._doom.stage):
            self._ticks += 1
            if self._ticks == self._doom.at:
                self._doom.happen()

    def finish(self, name):
        self._watch.finish(name)

    def say(self, line):
        self._watch.say(line)


@dataclass(frozen=True)
class Doom:
    """What goes wrong: ``how`` (kill, raise, hang, lose) at tick ``at`` of the bar that ends in ``stage``.

    ``limit`` is the task's time limit in seconds. To lose is to kill the node that the worker belongs to;
    a worker of the ``spared`` node waits until that has happened, so that it cannot do all of the work
    before the other node has started. It goes wrong once, which ``marker`` then says, or with ``marker``
    None whenever it is tried.
    """

    stage: str
    at: int
    how: str
    marker: Path | None
    spared: int = 0
    limit: float | None = None

    def happen(self) -> None:
        if self.how == "lose" and os.getppid() == self.spared:
            while not self.marker.exists():
                time.sleep(0.1)
            return
        if self.marker is not None:
            if self.marker.exists():
                return
            self.marker.write_text(str(os.getpid()))
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "lose":
            os.kill(os.getppid(), signal.SIGKILL)
        if self.how in ("hang", "lose"):
            time.sleep(3600)
        raise RuntimeError(f"doomed in {self.stage}")


@dataclass(frozen=True)
class DoomedTask(SubjectTask):
    """A subject of a run that is doomed."""

    doom: Doom | None = None

    def perform(self, models, watch) -> None:
        super().perform(models, DoomedWatch(watch, self.doom))


def doomed(queued, doom: Doom):
    """Return a subject's task, doomed."""
    fields = {name: getattr(queued.task, name) for name in SubjectTask.__dataclass_fields__}
    return replace(queued, task=DoomedTask(**fields, doom=doom), time_limit=doom.limit)
