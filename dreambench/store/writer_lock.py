"""A lock that admits one writer to a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from dreambench.errors import DreambenchError
from dreambench.paths import refuse_undecodable
from dreambench.store.files import is_leftover, no_space_is_one_line

_LOCK = ".lock"


@contextmanager
def only_writer(path: Path, what: str) -> Iterator[None]:
    """Make a folder and keep other processes from writing to it while the block runs.

    ``what`` names the writer in the error, such as "run". Raises DreambenchError where another process
    writes to the folder, or where the folder cannot be written.
    """
    if "\0" in str(path):
        raise DreambenchError(f"{str(path)!r} contains a NUL byte", "give another --out")
    refuse_undecodable(path)
    with no_space_is_one_line(path):
        path.mkdir(parents=True, exist_ok=True)
    if (path / _LOCK).is_dir():
        raise DreambenchError(f"{path / _LOCK} is a folder, where the lock belongs", "remove it")
    lock = FileLock(path / _LOCK)
    try:
        with no_space_is_one_line(path):
            lock.acquire(timeout=0)
            while not _is_in_its_place(lock):  # its last holder has just removed it
                lock.release()
                lock.acquire(timeout=0)
    except Timeout as error:
        raise DreambenchError(
            f"another {what} is working in {path}", "wait for it, or give another --out"
        ) from error
    try:
        yield
    finally:
        if os.name != "nt" and _descriptor(lock) is not None:
            # Held until the next line: who opens it now finds it gone, and opens it again.
            with suppress(OSError):
                os.unlink(path / _LOCK)
        lock.release()


def has_files(path: Path) -> bool:
    """Whether a folder has files other than its lock and what killed writers left."""
    entries = path.iterdir() if path.is_dir() else ()
    return any(entry.name != _LOCK and not is_leftover(entry) for entry in entries)


def _descriptor(lock: FileLock) -> int | None:
    found: int | None = getattr(getattr(lock, "_context", None), "lock_file_fd", None)
    return found


def _is_in_its_place(lock: FileLock) -> bool:
    """Whether the file that was locked is still the one of that name."""
    descriptor = _descriptor(lock)
    if descriptor is None or os.name == "nt":
        return True
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(lock.lock_file))
    except FileNotFoundError:
        return False
