"""Putting the official dataset into place: whole and verified, or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from dreambench.dataset.official import (
    NAME,
    VERSION,
    looks_official,
    official_folder,
    official_photos,
    official_problems,
)
from dreambench.dataset.staging import staging
from dreambench.errors import DreambenchError


def pull(
    destination: Path | None = None,
    source: Path | None = None,
    *,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Put the official dataset into a folder and return that folder.

    ``destination`` is the folder that will hold the subjects' folders; None is the cache folder, where
    a damaged copy is replaced. ``source`` is a local copy (the dataset's folder or its parent); without
    it the pinned commit is downloaded. Every photo is verified before the folder appears, under its
    final name, at once. ``say`` receives a line on what happens. Raises DreambenchError; then nothing
    is left behind.
    """
    target = (official_folder() if destination is None else Path(destination).expanduser()).absolute()
    if _is_complete(target, ours=destination is None):
        say(f"{NAME}@{VERSION} is already in {target}, complete and unchanged: nothing to do")
        return target
    origin = None if source is None else _source_folder(Path(source).expanduser())
    megabytes = 2 * sum(photo.bytes for photo in official_photos()) // 10**6
    with staging(target, "the dataset", megabytes) as workspace:
        fresh = workspace / "dataset"
        fresh.mkdir()
        if origin is None:
            _download(workspace, fresh)
        else:
            _copy(origin, fresh)
        problems = official_problems(fresh)
        if problems:
            raise _refusal(problems[0].file, problems[0].problem, len(problems) - 1, origin)
        _install(fresh, target, workspace)
    say(f"{NAME}@{VERSION}: {len(official_photos())} photos, each verified, in {target}")
    return target


def _is_complete(target: Path, *, ours: bool) -> bool:
    """Whether the dataset is there already; a folder that is in the way of a pull is an error."""
    if not target.exists():
        return False
    if not target.is_dir():
        raise DreambenchError(f"{target} is a file, not a folder", "name another folder with `--to FOLDER`")
    problems = official_problems(target)
    if not problems:
        return True
    if not ours and any(target.iterdir()):
        raise DreambenchError(
            f"{target} is not empty, and not the complete official dataset "
            f"({problems[0].file}: {problems[0].problem})",
            "move it away, or name another folder with `--to FOLDER`",
        )
    return False


def _source_folder(source: Path) -> Path:
    if not source.is_dir():
        what = "is a file (unpack it first)" if source.exists() else "does not exist"
        raise DreambenchError(f"{source} {what}", "name the folder of the dataset with `--from FOLDER`")
    for candidate in (source, source / "dataset"):
        if looks_official(candidate):
            return candidate
    raise DreambenchError(
        f"{source} does not hold the official dataset", "name its folder, or the one that holds `dataset/`"
    )


def _download(workspace: Path, fresh: Path) -> None:
    from dreambench.dataset.download import download_archive, extract_archive

    archive = download_archive(workspace)
    extract_archive(archive, fresh)
    archive.unlink()


def _copy(origin: Path, fresh: Path) -> None:
    from dreambench.dataset.download import official_files

    for place in sorted(official_files()):
        if (origin / place).is_file():  # what is missing is found by the verification
            (fresh / place).parent.mkdir(exist_ok=True)
            shutil.copyfile(origin / place, fresh / place)


def _refusal(file: str, problem: str, others: int, origin: Path | None) -> DreambenchError:
    more = f" (and {others} more)" if others else ""
    if origin is None:
        return DreambenchError(f"the downloaded dataset is not the pinned one: {file}: {problem}{more}")
    return DreambenchError(
        f"{origin} is not the official dataset: {file}: {problem}{more}",
        "`dreambench data pull` without --from downloads it",
    )


def _install(fresh: Path, target: Path, workspace: Path) -> None:
    if target.exists():
        if not official_problems(target):
            return  # another process was faster
        # Only our own cache folder or an empty one comes this far; it goes with the staging folder.
        os.replace(target, workspace / "replaced")
    os.replace(fresh, target)
