"""The executor of one process: one task after the other, with the models that are loaded already."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence

from dreambench.executors.task import Outcome, QueuedTask, WorkerModels
from dreambench.executors.task_log import TaskLog
from dreambench.executors.waiting import Waiting
from dreambench.progress import ProgressListener


class LocalExecutor:
    """Works the queue in this process. The first error ends it and is raised unchanged."""

    in_process = True

    def __init__(self, models: WorkerModels) -> None:
        self._models = models

    def run(self, queue: Sequence[QueuedTask], watch: ProgressListener) -> Generator[Outcome, None, None]:
        """Do all tasks and yield their outcomes."""
        waiting = Waiting(queue)
        bar = f"{len(queue)} tasks"
        watch.start(bar, len(queue))
        while (queued := waiting.take("here")) is not None:
            began = time.monotonic()
            log = TaskLog(queued, watch)
            queued.task.perform(self._models, log)
            seconds = time.monotonic() - began
            log.note(f"done in {seconds:.1f} s")
            waiting.done(queued)
            watch.advance(bar)
            yield Outcome(queued, seconds=seconds)
        watch.finish(bar)

    def close(self) -> None:
        """Do nothing: nothing was started."""
