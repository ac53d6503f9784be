"""Files of a run or a set as bytes: packed in one folder, unpacked whole or not at all in another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from dreambench.errors import DreambenchError
from dreambench.store import files

#: Files are sent in parcels of about this many bytes, so that a parcel never fills a machine's memory.
PARCEL_BYTES = 64 * 2**20


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
    """Write a parcel's files below ``root``, each whole or absent. An image that is there is left alone.

    Raises DreambenchError where a path leads out of ``root``, or the disk is full.
    """
    for name, content in parcel.items():
        file = root / name
        if not file.resolve().is_relative_to(root.resolve()):
            raise DreambenchError(f"a worker sent a file outside of the run: {name}", "stop that worker")
        if file.suffix == ".png" and file.exists():
            continue
        files.write_atomically(file, lambda path, content=content: _write(path, content))  # type: ignore[misc]


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
