"""The executor of one process: one task after the other, with the models that are loaded already."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence

from dreambench.executors.task import Outcome, QueuedTask, WorkerModels
from dreambench.executors.task_log import TaskLog
from dreambench.progress import ProgressListener


class LocalExecutor:
    """Works the queue in this process, in its order. The first error ends it and is raised unchanged."""

    in_process = True

    def __init__(self, models: WorkerModels) -> None:
        self._models = models

    def run(self, queue: Sequence[QueuedTask], watch: ProgressListener) -> Generator[Outcome, None, None]:
        """Do all tasks and yield their outcomes."""
        bar = "all units"
        watch.start(bar, len(queue))
        for queued in queue:
            began = time.monotonic()
            log = TaskLog(queued, watch)
            queued.task.perform(self._models, log)
            seconds = time.monotonic() - began
            log.note(f"done in {seconds:.1f} s")
            watch.advance(bar)
            yield Outcome(queued, seconds=seconds)
        watch.finish(bar)

    def close(self) -> None:
        """Do nothing: nothing was started."""
