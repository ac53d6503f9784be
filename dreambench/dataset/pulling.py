"""Pulling published data into place by its manifest: whole and verified, or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from dreambench.dataset import official, ratings
from dreambench.dataset.dataset import Problem
from dreambench.dataset.ratings import RatingFile
from dreambench.errors import DreambenchError

URL = f"https://github.com/google/dreambooth/archive/{official.COMMIT}.tar.gz"
RETRIES = 2
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True)
class _PinnedData:
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


def pull(
    destination: Path | None = None,
    source: Path | None = None,
    *,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Put the official dataset into a folder and return that folder.

    ``destination`` is the folder that will contain the subjects' folders; None is the cache folder, where
    a damaged copy is replaced. ``source`` is a local copy (the dataset's folder or its parent); without
    it the pinned commit is downloaded. Every photo is verified before the folder appears, under its
    final name, at once. ``say`` receives a line on what happens. Raises DreambenchError; then nothing
    is left behind.
    """
    photos = official.official_photos()
    data = _PinnedData(
        label=f"{official.NAME}@{official.VERSION}",
        title="the official dataset",
        command="dreambench data pull",
        folder=official.official_folder(),
        files=tuple(sorted({f"{p.subject}/{p.file}" for p in photos} | set(official.DOCUMENTS))),
        count=f"{len(photos)} photos",
        megabytes=2 * sum(photo.bytes for photo in photos) // 10**6,
        problems=official.official_problems,
        looks_right=official.looks_official,
        download=_download_photos,
    )
    return _pull(data, destination, source, say)


def pull_ratings(
    destination: Path | None = None,
    source: Path | None = None,
    *,
    judges: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Put the ImagenHub ratings into a folder and return that folder; everything else is as for ``pull``.

    With ``judges`` they are those of all three tasks, with the replies of 17 vision-language judges.
    """
    listed = ratings.rating_files(judges)
    data = _PinnedData(
        label=ratings.ratings_label(),
        title="the pinned ratings",
        command=f"dreambench data pull {ratings.NAME}" + (" --judges" if judges else ""),
        folder=ratings.ratings_folder(judges),
        files=tuple(each.file for each in listed),
        count=f"{len(listed)} files",
        megabytes=2 * sum(each.bytes for each in listed) // 10**6 + 1,
        problems=partial(ratings.ratings_problems, judges=judges),
        looks_right=lambda folder: True,
        download=partial(_download_ratings, listed),
    )
    return _pull(data, destination, source, say)


def _pull(
    data: _PinnedData, destination: Path | None, source: Path | None, say: Callable[[str], None]
) -> Path:
    target = (data.folder if destination is None else Path(destination).expanduser()).absolute()
    if _is_complete(data, target, replaceable=destination is None):
        say(f"{data.label} is already in {target}, complete and unchanged: nothing to do")
        return target
    origin = None if source is None else _source_folder(data, Path(source).expanduser())
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


def _is_complete(data: _PinnedData, target: Path, *, replaceable: bool) -> bool:
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


def _source_folder(data: _PinnedData, source: Path) -> Path:
    if not source.is_dir():
        what = "is a file (unpack it first)" if source.exists() else "does not exist"
        raise DreambenchError(f"{source} {what}", f"name the folder of {data.title} with `--from FOLDER`")
    for candidate in (source, source / "dataset"):
        if data.looks_right(candidate):
            return candidate
    raise DreambenchError(
        f"{source} does not contain {data.title}", "name its folder, or the one that contains `dataset/`"
    )


def _copy(data: _PinnedData, origin: Path, fresh: Path) -> None:
    for place in data.files:
        if (origin / place).is_file():  # the verification finds what is missing
            (fresh / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(origin / place, fresh / place)


def _first(problems: list[Problem]) -> str:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{problems[0].file}: {problems[0].problem}{more}"


@contextmanager
def _staging(data: _PinnedData, target: Path) -> Iterator[Path]:
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


def _download_photos(fresh: Path, workspace: Path) -> None:
    """Download the archive of the pinned commit, and extract the dataset's photos and documents.

    The archive's own hash is not checked, because the server does not keep it stable; each photo's is,
    later. Only regular files whose place is in the manifest are written, so a member never leads outside.
    """
    remedy = (
        "try again, or download it on another machine, and here run `dreambench data pull --from FOLDER` "
        "or name it with `--data FOLDER`"
    )
    archive = workspace / f"{official.COMMIT}.tar.gz"
    _download(URL, archive, None, remedy)
    wanted = {f"{p.subject}/{p.file}" for p in official.official_photos()} | set(official.DOCUMENTS)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                parts = PurePosixPath(member.name).parts  # <repository>-<commit>/dataset/<subject>/<file>
                place = "/".join(parts[2:])
                if not member.isreg() or parts[1:2] != ("dataset",) or place not in wanted:
                    continue
                content = tar.extractfile(member)
                if content is not None:
                    (fresh / place).parent.mkdir(parents=True, exist_ok=True)
                    with content, (fresh / place).open("wb") as file:
                        shutil.copyfileobj(content, file)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DreambenchError(f"the archive from {URL} is damaged ({error})", remedy) from error
    archive.unlink()


def _download_ratings(listed: Sequence[RatingFile], fresh: Path, workspace: Path) -> None:
    remedy = (
        "try again, or download the files of data/manifests/imagenhub*.csv on another machine, and here run "
        "`dreambench data pull imagenhub --from FOLDER` or name the folder with `--data FOLDER`"
    )
    for each in listed:
        (fresh / each.file).parent.mkdir(parents=True, exist_ok=True)
        _download(each.url, fresh / each.file, each.sha256, remedy)


def _download(url: str, target: Path, sha256: str | None, remedy: str) -> None:
    """Download one file; raises DreambenchError where the network fails, OSError where the disk does."""
    import pooch

    pooch.get_logger().setLevel("ERROR")  # its notes would mix with the progress bar
    fetcher = pooch.create(
        path=target.parent,
        base_url="",
        registry={target.name: sha256 and f"sha256:{sha256}"},
        urls={target.name: url},
        retry_if_failed=RETRIES,
    )
    # A file with a known hash is a small one: no bar for it.
    downloader = pooch.HTTPDownloader(progressbar=sha256 is None, chunk_size=1 << 16, timeout=30)
    try:
        fetcher.fetch(target.name, downloader=downloader)
    except (OSError, ValueError) as error:
        # The HTTP library's errors are OSErrors without a number; those of the disk have one.
        if getattr(error, "errno", None) is not None:
            raise
        unreachable = type(error).__name__ in ("ConnectionError", "ConnectTimeout")
        cause = "no connection" if unreachable else " ".join(str(error).split())[:200]
        cause = "other SHA-256 than the pinned file's" if "hash" in str(error) else cause
        raise DreambenchError(f"cannot download {url} ({cause})", remedy) from error
