"""Files on their way to machines that do not see them, in Ray's object store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dreambench.executors.task import Task
from dreambench.store.transfer import pack


class ObjectStoreFiles:
    """Puts files of tasks into the object store, which brings them to each machine once at most."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._kept: dict[Path, list[Any]] = {}

    def of(self, task: Task) -> list[Any]:
        """Return references to what there is of a task's files now."""
        return [self._ray.put(parcel) for parcel in pack(task.root, task.finished_files())]

    def kept(self, task: Task) -> list[Any]:
        """Return references to the files of a task that is done, which many units read."""
        if task.root not in self._kept:
            self._kept[task.root] = self.of(task)
        return self._kept[task.root]
