"""Files, folders and image batches that are whole or absent.

A writer fills a temporary name, syncs it, and renames it. A kill at any instant leaves the old file, the
new file, or a temporary name that the next writer removes.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from dreambench.errors import DreambenchError, shortened

if TYPE_CHECKING:
    from PIL import Image

#: How the name of a temporary file ends, as a pattern: a writer draws eight hexadecimal digits.
DRAWN_NAME = f"{'[0-9a-f]' * 8}.tmp"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_UNWRITABLE = {
    *(errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.EISDIR),
    *(errno.ENOENT, errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP),  # such as a folder in /proc
}


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
def no_space_is_one_line(path: Path, remedy: str = "give another --out") -> Iterator[None]:
    """Raise DreambenchError for a full disk, a missing permission or a read-only folder.

    ``remedy`` says what to do where the place is at fault.
    """
    try:
        yield
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else _in_its_message(error)
        if number in _FULL:
            raise DreambenchError(
                f"no space left while writing {path}",
                "free some space and repeat the same command: finished work is kept",
            ) from error
        if number is not None and number in _UNWRITABLE:
            raise DreambenchError(
                f"{shortened(str(path))} cannot be written: {os.strerror(number)}", remedy
            ) from error
        raise


def _in_its_message(error: Exception) -> int | None:
    """Return the system's error number from the message of a library in Rust (safetensors), if it has one."""
    found = re.search(r"\b(?:os error|code:) (\d+)", str(error))
    return int(found[1]) if found else None


@contextmanager
def _renamed_to(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``, then rename it to ``path``, or remove it after an error."""
    if not path.name:  # "." or "/"
        raise DreambenchError(f"{path} is a folder", "give a file's name")
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with no_space_is_one_line(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            os.replace(temporary, path)
            sync_folder(path.parent)
    finally:
        with suppress(OSError):  # where the folder cannot be written this fails too; the first error counts
            remove_all([temporary])


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Call ``write`` on a temporary file beside ``path``, then rename that file to ``path``.

    A reader sees the old file or the new one, never a part. Raises DreambenchError on a full disk,
    after removing the temporary file.
    """
    with _renamed_to(path) as temporary:
        write(temporary)
        _sync_file(temporary)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically: UTF-8, and lines end the same way on every system."""
    write_bytes(path, text.encode())


def write_json(path: Path, content: BaseModel | Mapping[str, Any]) -> None:
    """Write a model, or plain data, as a JSON file atomically: a field a line, and a last line end."""
    if isinstance(content, BaseModel):
        write_text(path, content.model_dump_json(indent=1) + "\n")
    else:
        write_text(path, json.dumps(dict(content), indent=1) + "\n")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def sync_all(folder: Path) -> None:
    """Make the files below a folder durable."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            _sync_file(file)


def write_folder_atomically(folder: Path, fill: Callable[[Path], object], sync: bool = True) -> None:
    """Call ``fill`` on a temporary folder, sync its files, then rename it to ``folder``.

    ``folder`` must not exist yet. A folder that exists is therefore complete; without ``sync``, only as long
    as the machine does not crash.
    """
    with _renamed_to(folder) as temporary:
        temporary.mkdir()
        fill(temporary)
        if sync:
            sync_all(temporary)


def is_leftover(path: Path) -> bool:
    """Return whether a path has the name of a temporary file or folder, or a Mac's ``.DS_Store``."""
    return path.name.startswith(".") and path.name.endswith((".tmp", ".DS_Store"))


def remove_leftovers(folder: Path, spared: Path | None = None) -> None:
    """Remove the temporary files and folders of killed writers; the caller holds the lock.

    ``spared`` is a folder below it with locks of its own, which is left alone.
    """
    remove_all(p for p in folder.rglob(".*.tmp") if spared is None or not p.is_relative_to(spared))


def remove_all(paths: Iterable[Path]) -> None:
    """Remove files and folders; skip those that are gone already or cannot be removed."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def commit_images(images: Mapping[Path, Image.Image]) -> None:
    """Write a batch of images of one folder as PNG files: all of them, or none.

    The batch is written to a folder of its own, and the rename of that folder is the commit. Its files
    then move to their places; ``roll_forward`` finishes the move of a writer that was killed in between.
    An existing image is left alone.
    """
    missing = {path: image for path, image in images.items() if not path.exists()}
    if not missing:
        return
    folder = next(iter(missing)).parent
    with no_space_is_one_line(folder):
        folder.mkdir(parents=True, exist_ok=True)
    ready = folder / f".ready-{min(path.stem for path in missing)}"

    def fill(temporary: Path) -> None:
        # Making a PNG file of 512 pixels takes a core 50 ms, and a GPU waits.
        with ThreadPoolExecutor(min(len(missing), os.cpu_count() or 1)) as pool:
            saved = [
                pool.submit(image.save, temporary / path.name, format="PNG")
                for path, image in missing.items()
            ]
        for each in saved:
            each.result()

    write_folder_atomically(ready, fill)
    _move_into_place(ready)


def roll_forward(folder: Path) -> None:
    """Finish the interrupted commits in ``folder``; the caller holds the lock and has not read it yet."""
    for ready in sorted(folder.glob(".ready-*")):
        _move_into_place(ready)


def _move_into_place(ready: Path) -> None:
    with no_space_is_one_line(ready):
        for file in sorted(ready.iterdir()):
            os.replace(file, ready.parent / file.name)
        ready.rmdir()
        sync_folder(ready.parent)
