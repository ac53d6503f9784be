"""Files that are whole or absent: temporary name, fsync, rename."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dreambench.errors import DreambenchError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_UNWRITABLE = {errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST}


def sync_folder(folder: Path) -> None:
    """Make the renames inside a folder durable."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_file(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


@contextmanager
def no_space_is_one_line(path: Path) -> Iterator[None]:
    """Turn a full disk, a missing permission or a read-only folder into one clear line."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DreambenchError(
                f"no space left while writing {path}",
                "free some and repeat the same command: what is finished is kept",
            ) from error
        if error.errno in _UNWRITABLE:
            raise DreambenchError(
                f"{path} cannot be written: {error.strerror}", "give another --out"
            ) from error
        raise


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then put it in place.

    A reader sees the old file or the new one, never a part. Raises DreambenchError on a full disk,
    after removing the temporary file.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with no_space_is_one_line(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write(temporary)
            _sync_file(temporary)
            os.replace(temporary, path)
            sync_folder(path.parent)
    finally:
        with suppress(OSError):  # a folder that cannot be written cannot be tidied; the first error counts
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    write_atomically(path, lambda temporary: _write_plainly(temporary, text))


def _write_plainly(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def write_folder_atomically(folder: Path, fill: Callable[[Path], object]) -> None:
    """Let ``fill`` write files into a temporary folder, sync them, then rename it to ``folder``.

    ``folder`` must not exist yet. A folder that exists is therefore complete.
    """
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with no_space_is_one_line(folder):
            temporary.mkdir(parents=True)
            fill(temporary)
            for file in sorted(temporary.rglob("*")):
                if file.is_file():
                    _sync_file(file)
            os.replace(temporary, folder)
            sync_folder(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def is_leftover(path: Path) -> bool:
    """Whether a name is that of a writer's temporary file or folder."""
    return path.name.startswith(".") and path.name.endswith(".tmp")


def remove_leftovers(folder: Path, spared: Path | None = None) -> None:
    """Remove the temporary files and folders of writers that were killed; call it under the lock.

    What lies below ``spared`` has a lock of its own, and is left alone.
    """
    remove_all(p for p in folder.rglob(".*.tmp") if spared is None or not p.is_relative_to(spared))


def remove_all(paths: Iterable[Path]) -> None:
    """Remove files and folders; what is gone already, or held by somebody, is left."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
