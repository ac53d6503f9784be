"""Putting data of a pinned version into place: whole and verified, or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dreambench.dataset.dataset import Problem
from dreambench.errors import DreambenchError
from dreambench.paths import expanded

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True)
class PinnedData:
    """Data at a pinned version; ``title`` is its name in an error, ``count`` its size in words.

    ``megabytes`` is what a pull needs on the disk. ``looks_right`` tells whether a folder means to be a copy.
    ``download`` fills an empty folder, and may use a second one for temporary files.
    """

    label: str
    title: str
    command: str
    folder: Path
    files: tuple[str, ...]
    count: str
    megabytes: int
    problems: Callable[[Path], list[Problem]]
    looks_right: Callable[[Path], bool]
    download: Callable[[Path, Path], None]


def put_in_place(
    data: PinnedData, destination: Path | None, source: Path | None, say: Callable[[str], None]
) -> Path:
    """Copy the data from ``source``, or download it, and move it to ``destination`` when it is verified.

    None is the data's folder in the cache, where a damaged copy is replaced; elsewhere nothing is.
    """
    target = (data.folder if destination is None else expanded(destination)).absolute()
    if _is_complete(data, target, replaceable=destination is None):
        say(f"{data.label} is already in {target}, complete and unchanged: nothing to do")
        return target
    origin = None if source is None else _source_folder(data, expanded(source))
    with _staging(data, target) as workspace:
        fresh = workspace / "fresh"
        fresh.mkdir()
        if origin is None:
            data.download(fresh, workspace)
        else:
            _copy(data, origin, fresh)
        problems = data.problems(fresh)
        if problems:
            what = f"the download is not {data.title}" if origin is None else f"{origin} is not {data.title}"
            remedy = None if origin is None else f"`{data.command}` without --from downloads it"
            raise DreambenchError(f"{what}: {_first(problems)}", remedy)
        # Another process may have been faster. If not, a target that exists is a damaged copy in the cache
        # folder, or an empty folder.
        if not target.exists() or data.problems(target):
            if target.exists():
                os.replace(target, workspace / "replaced")
            os.replace(fresh, target)
    say(f"{data.label}: {data.count}, each verified, in {target}")
    return target


def _is_complete(data: PinnedData, target: Path, *, replaceable: bool) -> bool:
    """Return whether the data is in its place; a folder that is in the way of a pull is an error."""
    if not target.exists():
        return False
    if not target.is_dir():
        raise DreambenchError(f"{target} is a file, not a folder", "name another folder with `--to FOLDER`")
    problems = data.problems(target)
    if problems and not replaceable and any(target.iterdir()):
        raise DreambenchError(
            f"{target} is not empty, and is not {data.title} ({_first(problems)})",
            "move it away, or name another folder with `--to FOLDER`",
        )
    return not problems


def _source_folder(data: PinnedData, source: Path) -> Path:
    if not source.is_dir():
        what = "is a file (unpack it first)" if source.exists() else "does not exist"
        raise DreambenchError(f"{source} {what}", f"name the folder of {data.title} with `--from FOLDER`")
    for candidate in (source, source / "dataset"):
        if data.looks_right(candidate):
            return candidate
    raise DreambenchError(
        f"{source} does not contain {data.title}", "name its folder, or the one that contains `dataset/`"
    )


def _copy(data: PinnedData, origin: Path, fresh: Path) -> None:
    for place in data.files:
        if (origin / place).is_file():  # the verification finds what is missing
            (fresh / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(origin / place, fresh / place)


def _first(problems: list[Problem]) -> str:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{problems[0].file}: {problems[0].problem}{more}"


@contextmanager
def _staging(data: PinnedData, target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``target`` (a rename on one disk is atomic); always remove it."""
    folder: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        yield folder
    except OSError as error:
        remedy = "choose another place with `--to FOLDER` or DREAMBENCH_CACHE"
        if error.errno in _DISK_FULL:
            message = f"the disk of {target.parent} is full"
            raise DreambenchError(message, f"free {data.megabytes} MB, or {remedy}") from error
        message = f"cannot write {data.title} to {target} ({error.strerror or error})"
        raise DreambenchError(message, remedy) from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
