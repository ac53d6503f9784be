"""Folders that survive the kill of a process, but need not survive a crash of the machine.

A subject's weights (3.9 GB of Stable Diffusion 1.5) are read again only where the process was killed while
it drew. Forcing them onto the disk would take longer than drawing some of the images. What a killed process
has written is in the system's cache and is whole; after a crash of the machine it may be zeros. So the
folder remembers the start of the system that it was written under.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

from dreambench.store.files import sync_all, write_folder_atomically

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NOTE = ".boot"
_SYNCED = "on the disk"


def write_scratch_folder(folder: Path, fill: Callable[[Path], object]) -> None:
    """Call ``fill`` on a temporary folder, then rename it to ``folder``, in place of an earlier one.

    It is synced only where the system does not say when it was started. Raises DreambenchError on a full
    disk.
    """
    boot = boot_id()

    def filled(inside: Path) -> None:
        fill(inside)
        (inside / _NOTE).write_text(boot or _SYNCED, encoding="utf-8")

    shutil.rmtree(folder, ignore_errors=True)
    write_folder_atomically(folder, filled, sync=boot is None)


def is_intact(folder: Path) -> bool:
    """Whether a scratch folder exists, and on the disk or under the same start of the system."""
    note = folder / _NOTE
    # A crash can lose the note as well as anything else: a folder without one is not believed.
    return note.is_file() and note.read_text(encoding="utf-8") in (boot_id(), _SYNCED)


def keep_or_remove(folder: Path, place: Path, keep: bool) -> None:
    """Move a scratch folder that has served to ``place``, on the disk, or remove it. There may be none.

    It is also removed where ``place`` exists already, or where it is not to be believed any more. ``place``
    may be on another disk. Raises DreambenchError on a full one.
    """
    if not keep or place.exists() or not is_intact(folder):
        shutil.rmtree(folder, ignore_errors=True)
        return
    sync_all(folder)
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.rename(place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        write_folder_atomically(place, lambda inside: shutil.copytree(folder, inside, dirs_exist_ok=True))
        shutil.rmtree(folder, ignore_errors=True)
    (place / _NOTE).unlink(missing_ok=True)


def boot_id() -> str | None:
    """Return what names this start of the system; None where the system does not say."""
    try:
        return _BOOT.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None
