"""The public ratings of subject-driven generation: what belongs to them, and fetching them.

Sources: TIGER-AI-Lab/ImagenHub (the ratings of 3 raters for 150 images by each of 5 methods) and
TIGER-AI-Lab/VIEScore (CLIP-I and DINO of the same images, for 4 of the methods), both MIT, each at the
commit that ``data/manifests/imagenhub.csv`` pins.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dreambench.dataset.images import file_sha256
from dreambench.dataset.staging import staging
from dreambench.errors import DreambenchError
from dreambench.paths import cache_folder, data_folder

NAME = "imagenhub"
HOST = "https://raw.githubusercontent.com"
RETRIES = 2
OFFLINE = (
    "try again, or on another machine download the files that data/manifests/imagenhub.csv lists, and here "
    "run `dreambench data pull imagenhub --from FOLDER` or name the folder with `--data FOLDER`"
)


@dataclass(frozen=True)
class RatingFile:
    """A file as the manifest lists it: its place in the folder, where it comes from, its SHA-256."""

    file: str
    repository: str
    commit: str
    path: str
    sha256: str
    bytes: int

    @property
    def url(self) -> str:
        """Where the pinned version is."""
        return f"{HOST}/{self.repository}/{self.commit}/{self.path}"


@cache
def rating_files() -> tuple[RatingFile, ...]:
    """Return the manifest: the raters' tables first, then the automatic scores."""
    with (data_folder() / "manifests" / "imagenhub.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return tuple(
            RatingFile(r["file"], r["repository"], r["commit"], r["path"], r["sha256"], int(r["bytes"]))
            for r in rows
        )


def ratings_label() -> str:
    """Return the name and version of the ratings, e.g. ``imagenhub@439f72c``."""
    return f"{NAME}@{rating_files()[0].commit[:7]}"


def ratings_folder() -> Path:
    """Return the folder where ``dreambench data pull imagenhub`` puts the ratings; it need not exist."""
    return cache_folder() / ratings_label().replace("@", "-")


def ratings_problem(folder: Path) -> str | None:
    """Return the first way in which a folder differs from the manifest, or None."""
    for listed in rating_files():
        path = folder / listed.file
        if not path.is_file():
            return f"{listed.file}: missing"
        if file_sha256(path) != listed.sha256:
            return f"{listed.file}: differs from the pinned file (other SHA-256)"
    return None


def pull_ratings(
    destination: Path | None = None,
    source: Path | None = None,
    *,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Put the ratings into a folder and return that folder.

    ``destination`` None is the cache folder, where a damaged copy is replaced; ``source`` is a local
    copy, without which the pinned files are downloaded. Every file is verified before the folder
    appears under its final name. ``say`` receives a line on what happens. Raises DreambenchError; then
    nothing is left behind.
    """
    target = (ratings_folder() if destination is None else Path(destination).expanduser()).absolute()
    if _is_complete(target, ours=destination is None):
        say(f"{ratings_label()} is already in {target}, complete and unchanged: nothing to do")
        return target
    origin = None if source is None else Path(source).expanduser()
    if origin is not None and not origin.is_dir():
        what = "is a file" if origin.exists() else "does not exist"
        raise DreambenchError(f"{origin} {what}", "name the folder of the ratings with `--from FOLDER`")
    with staging(target, "the ratings", megabytes=1) as workspace:
        fresh = workspace / "ratings"
        for listed in rating_files():
            (fresh / listed.file).parent.mkdir(parents=True, exist_ok=True)
            if origin is None:
                _download(listed, fresh / listed.file)
            elif (origin / listed.file).is_file():  # what is missing is found by the verification
                shutil.copyfile(origin / listed.file, fresh / listed.file)
        problem = ratings_problem(fresh)
        if problem:
            raise DreambenchError(
                f"{origin or HOST} does not hold the pinned ratings: {problem}",
                "`dreambench data pull imagenhub` without --from downloads them" if origin else None,
            )
        if target.exists():  # our own damaged copy, or an empty folder
            os.replace(target, workspace / "replaced")
        os.replace(fresh, target)
    say(f"{ratings_label()}: {len(rating_files())} files, each verified, in {target}")
    return target


def _is_complete(target: Path, *, ours: bool) -> bool:
    """Whether the ratings are there already; a folder that is in the way of a pull is an error."""
    if not target.exists():
        return False
    if not target.is_dir():
        raise DreambenchError(f"{target} is a file, not a folder", "name another folder with `--to FOLDER`")
    problem = ratings_problem(target)
    if problem and not ours and any(target.iterdir()):
        raise DreambenchError(
            f"{target} is not empty, and not the complete ratings ({problem})",
            "move it away, or name another folder with `--to FOLDER`",
        )
    return problem is None


def _download(listed: RatingFile, target: Path) -> None:
    import pooch

    pooch.get_logger().setLevel("ERROR")
    fetcher = pooch.create(
        path=target.parent,
        base_url="",
        registry={target.name: f"sha256:{listed.sha256}"},
        urls={target.name: listed.url},
        retry_if_failed=RETRIES,
    )
    try:
        fetcher.fetch(target.name, downloader=pooch.HTTPDownloader(timeout=30))
    except (OSError, ValueError) as error:
        # The HTTP library's errors are OSErrors without a number; those of the disk have one.
        if getattr(error, "errno", None) is not None:
            raise
        unreachable = type(error).__name__ in ("ConnectionError", "ConnectTimeout")
        changed = "hash" in str(error)
        cause = "no connection" if unreachable else " ".join(str(error).split())[:200]
        cause = "other SHA-256 than the pinned file's" if changed else cause
        raise DreambenchError(f"cannot download {listed.url} ({cause})", OFFLINE) from error
