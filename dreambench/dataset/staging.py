"""A temporary folder beside the place that downloaded data will have: whole and verified, or not at all."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dreambench.errors import DreambenchError

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def staging(target: Path, what: str, megabytes: int) -> Iterator[Path]:
    """Yield a temporary folder beside ``target`` (same disk, so that a rename is atomic); always removed.

    ``what`` is the data's name in an error, ``megabytes`` what it needs on the disk. Raises
    DreambenchError where the disk is full or the place cannot be written.
    """
    folder: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        yield folder
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise DreambenchError(
                f"the disk of {target.parent} is full",
                f"free {megabytes} MB, or choose another place with `--to FOLDER` or DREAMBENCH_CACHE",
            ) from error
        raise DreambenchError(
            f"cannot write {what} to {target} ({error.strerror or error})",
            "choose another place with `--to FOLDER` or DREAMBENCH_CACHE",
        ) from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
