"""What `dreambench data pull` downloads: the official photos, the public ratings, a judge's prompts."""

from __future__ import annotations

import shutil
import tarfile
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from dreambench.dataset import official
from dreambench.dataset.judge_prompts import JUDGE_PROMPTS
from dreambench.dataset.pinned_data import PinnedData, put_in_place
from dreambench.dataset.pinned_files import IMAGENHUB, IMAGENHUB_JUDGES, PinnedFile, PinnedFiles
from dreambench.errors import DreambenchError

URL = f"https://github.com/google/dreambooth/archive/{official.COMMIT}.tar.gz"
RETRIES = 2


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
    data = PinnedData(
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
    return put_in_place(data, destination, source, say)


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
    pinned = IMAGENHUB_JUDGES if judges else IMAGENHUB
    return _pull_files(pinned, "the pinned ratings", destination, source, say)


def pull_prompts(
    destination: Path | None = None,
    source: Path | None = None,
    *,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Put the prompts of DreamBench++'s judge into a folder and return it; the rest is as for ``pull``."""
    return _pull_files(JUDGE_PROMPTS, "the pinned prompts", destination, source, say)


def _pull_files(
    pinned: PinnedFiles, title: str, destination: Path | None, source: Path | None, say: Callable[[str], None]
) -> Path:
    listed = pinned.files
    data = PinnedData(
        label=pinned.label,
        title=title,
        command=pinned.command,
        folder=pinned.folder,
        files=tuple(each.file for each in listed),
        count=f"{len(listed)} files",
        megabytes=2 * sum(each.bytes for each in listed) // 10**6 + 1,
        problems=pinned.problems,
        looks_right=lambda folder: True,
        download=partial(_download_files, listed, pinned.name),
    )
    return put_in_place(data, destination, source, say)


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


def _download_files(listed: Sequence[PinnedFile], name: str, fresh: Path, workspace: Path) -> None:
    remedy = (
        f"try again, or download the files of data/manifests/{name}*.csv on another machine, and here run "
        f"`dreambench data pull {name} --from FOLDER`"
        + (" or name the folder with `--data FOLDER`" if name == IMAGENHUB.name else "")
    )
    for each in listed:
        (fresh / each.file).parent.mkdir(parents=True, exist_ok=True)
        _download(each.url, fresh / each.file, each.sha256, remedy)


def _download(url: str, target: Path, sha256: str | None, remedy: str) -> None:
    """Download one file; raises DreambenchError where the network fails, OSError where the disk does."""
    import pooch

    notes = pooch.get_logger()
    before = notes.level
    notes.setLevel("ERROR")  # they would mix with the progress bar
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
    finally:
        notes.setLevel(before)
