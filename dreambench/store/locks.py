"""One process writes in a folder at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from dreambench.errors import DreambenchError
from dreambench.store import files

LOCK = ".lock"


@contextmanager
def only_writer(path: Path, what: str) -> Iterator[None]:
    """Make a folder and keep other processes from writing there while the block runs.

    Raises DreambenchError where another one does, or where the folder cannot be written; ``what`` says
    in the error what works there, such as "run".
    """
    with files.no_space_is_one_line(path):
        path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path / LOCK)
    try:
        with files.no_space_is_one_line(path):
            lock.acquire(timeout=0)
    except Timeout as error:
        raise DreambenchError(
            f"another {what} is working in {path}", "wait for it, or give another --out"
        ) from error
    try:
        yield
    finally:
        lock.release()
