"""Fetching the official dataset from its pinned commit."""

from __future__ import annotations

import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from dreambench.dataset.official import COMMIT, DOCUMENTS, official_photos
from dreambench.errors import DreambenchError

URL = f"https://github.com/google/dreambooth/archive/{COMMIT}.tar.gz"
RETRIES = 2
OFFLINE = (
    "try again, or on another machine download it, and here run `dreambench data pull --from FOLDER` "
    "or name it with `--data FOLDER`"
)


def official_files() -> set[str]:
    """Return the paths of the dataset's photos and documents, relative to its folder."""
    return {f"{photo.subject}/{photo.file}" for photo in official_photos()} | set(DOCUMENTS)


def download_archive(folder: Path) -> Path:
    """Download the archive of the pinned commit into ``folder`` and return its path.

    The archive's own hash is not checked, for the server does not keep it stable; each photo's is,
    later. Raises DreambenchError where the network fails, OSError where the disk does.
    """
    import pooch

    pooch.get_logger().setLevel("ERROR")  # its notes would mix with the progress bar
    name = f"{COMMIT}.tar.gz"
    fetcher = pooch.create(
        path=folder, base_url="", registry={name: None}, urls={name: URL}, retry_if_failed=RETRIES
    )
    try:
        with _DownloadBar() as bar:
            downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 16, timeout=30)
            return Path(fetcher.fetch(name, downloader=downloader))
    except (OSError, ValueError) as error:
        # The HTTP library's errors are OSErrors without a number; those of the disk have one.
        if getattr(error, "errno", None) is not None:
            raise
        unreachable = type(error).__name__ in ("ConnectionError", "ConnectTimeout")
        cause = "no connection" if unreachable else " ".join(str(error).split())[:200]
        raise DreambenchError(f"cannot download the dataset from {URL} ({cause})", OFFLINE) from error


def extract_archive(archive: Path, folder: Path) -> None:
    """Write the dataset's photos and documents from the archive into ``folder``.

    Only regular files whose place is in the manifest are written, so a member can never lead outside.
    Raises DreambenchError where the archive is damaged, OSError where the disk fails.
    """
    wanted = official_files()
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                # <repository>-<commit>/dataset/<subject>/<file>
                parts = PurePosixPath(member.name).parts
                place = "/".join(parts[2:])
                if not member.isreg() or parts[1:2] != ("dataset",) or place not in wanted:
                    continue
                content = tar.extractfile(member)
                if content is not None:
                    target = folder / place
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with content, target.open("wb") as file:
                        shutil.copyfileobj(content, file)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DreambenchError(f"the archive from {URL} is damaged ({error})", OFFLINE) from error


class _DownloadBar:
    """pooch's progress bar interface (total, update, reset, close), drawn by rich on stderr."""

    def __init__(self) -> None:
        columns = (TextColumn("downloading"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True))
        # The server sends no length; JPEGs hardly compress, so their sum is nearly the archive's size.
        self._expected = sum(photo.bytes for photo in official_photos())
        self._task = self._progress.add_task("download", total=self._expected)

    def __enter__(self) -> _DownloadBar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @property
    def total(self) -> int:
        return self._expected

    @total.setter
    def total(self, size: int) -> None:
        self._expected = size or self._expected
        self._progress.reset(self._task, total=self._expected)

    def update(self, size: int) -> None:
        self._progress.update(self._task, advance=size)

    def reset(self) -> None:
        self._progress.reset(self._task, total=self._expected)

    def close(self) -> None:
        self._progress.update(self._task, completed=self._expected)
