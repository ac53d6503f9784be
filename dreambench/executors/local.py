"""The executor of one process: one unit after the other, with the models that are loaded already."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from dreambench.executors.task import Outcome, Unit
from dreambench.executors.task_log import TaskLog
from dreambench.progress import ProgressListener
from dreambench.runs.model_cache import ModelCache


class LocalExecutor:
    """Works units in the order given, here and now; the first error ends it, as it is.

    The order must have every unit behind those that it depends on.
    """

    def __init__(self, bench: ModelCache) -> None:
        self._bench = bench

    def run(self, units: Sequence[Unit], watch: ProgressListener) -> Iterator[Outcome]:
        """Work the units one by one and yield their outcomes."""
        for unit in units:
            began = time.monotonic()
            log = TaskLog(unit, watch)
            unit.task.perform(self._bench, log)
            seconds = time.monotonic() - began
            log.note(f"done in {seconds:.1f} s")
            yield Outcome(unit, seconds=seconds)

    def close(self) -> None:
        """Nothing was started."""
