"""The executor of one process: one task after the other, with the models that are loaded already."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from dreambench.executors.task import Outcome, Unit, WorkerModels
from dreambench.executors.task_log import TaskLog
from dreambench.executors.waiting import Waiting
from dreambench.progress import ProgressListener


class LocalExecutor:
    """Works the queue in this process. The first error ends it and is raised unchanged."""

    in_process = True

    def __init__(self, models: WorkerModels) -> None:
        self._models = models

    def run(self, units: Sequence[Unit], watch: ProgressListener) -> Iterator[Outcome]:
        """Work all tasks and yield their outcomes."""
        waiting = Waiting(units)
        bar = f"{len(units)} tasks"
        watch.start(bar, len(units))
        while (unit := waiting.take("here")) is not None:
            began = time.monotonic()
            log = TaskLog(unit, watch)
            unit.task.perform(self._models, log)
            seconds = time.monotonic() - began
            log.note(f"done in {seconds:.1f} s")
            waiting.done(unit)
            watch.advance(bar)
            yield Outcome(unit, seconds=seconds)
        watch.finish(bar)

    def close(self) -> None:
        """Do nothing: nothing was started."""
