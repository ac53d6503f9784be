"""Files of a task as bytes in Ray's object store, for machines that do not share the task's folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dreambench.errors import DreambenchError
from dreambench.executors.task import Task
from dreambench.store import files

#: Files are sent in parcels of about this many bytes, so that a parcel never fills a machine's memory.
PARCEL_BYTES = 64 * 2**20


class ObjectStoreFiles:
    """Puts files of tasks into the object store, which brings them to each machine once at most."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._kept: dict[Path, list[Any]] = {}

    def of(self, task: Task) -> list[Any]:
        """Return references to the files that a task has now."""
        return [self._ray.put(parcel) for parcel in pack(task.root, task.finished_files())]

    def kept(self, task: Task) -> list[Any]:
        """Return references to the files of a finished task, which many tasks read."""
        if task.root not in self._kept:
            self._kept[task.root] = self.of(task)
        return self._kept[task.root]


def pack(root: Path, chosen: Iterable[Path]) -> Iterator[dict[str, bytes]]:
    """Yield the contents of files below ``root``, by their relative paths, in parcels."""
    parcel: dict[str, bytes] = {}
    size = 0
    for file in chosen:
        content = file.read_bytes()
        if parcel and size + len(content) > PARCEL_BYTES:
            yield parcel
            parcel, size = {}, 0
        parcel[file.relative_to(root).as_posix()] = content
        size += len(content)
    if parcel:
        yield parcel


def unpack(root: Path, parcel: Mapping[str, bytes]) -> None:
    """Write a parcel's files below ``root``, each whole or absent. An existing image is left alone.

    Raises DreambenchError where a path leads out of ``root``, or the disk is full.
    """
    for name, content in parcel.items():
        file = root / name
        if not file.resolve().is_relative_to(root.resolve()):
            raise DreambenchError(f"a worker sent a file outside of the run: {name}", "stop that worker")
        if file.suffix == ".png" and file.exists():
            continue
        files.write_bytes(file, content)
