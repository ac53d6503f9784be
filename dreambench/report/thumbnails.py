"""Small WebP copies of photos and images, made once, so that a page of 3,000 images stays light."""

from __future__ import annotations

import base64
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import pandas as pd

from dreambench.analysis import RunScores
from dreambench.errors import DreambenchError
from dreambench.paths import text_sha256
from dreambench.progress import each_in_threads
from dreambench.store.files import write_bytes
from dreambench.store.gallery_folder import GalleryFolder, galleries_of

SIDE = 128
QUALITY = 82
FOLDER = "thumbs"
_THREADS = min(8, (os.cpu_count() or 1) + 2)


@dataclass(frozen=True)
class Thumbnail:
    """A source's thumbnail: its address relative to the page or as data, or None and the problem with it."""

    href: str | None
    problem: str | None = None


def make_thumbnails(scored: Sequence[RunScores], out: Path, quiet: bool = False) -> dict[Path, Thumbnail]:
    """Make the thumbnails of all photos and images of the runs below ``out``/thumbs.

    They are at most ``SIDE`` pixels wide and high. A thumbnail that is not older than its source is kept.
    Returns every source with its thumbnail; a source that cannot be read has its problem instead. Shows
    a bar with an ETA on stderr unless ``quiet``. Raises DreambenchError where ``out`` cannot be written.
    """
    return thumbnails_at(dict(_places(scored)), out, quiet)


def thumbnails_at(
    places: Mapping[Path, PurePosixPath], out: Path, quiet: bool = False
) -> dict[Path, Thumbnail]:
    """Make the thumbnails of some sources, each at its path below ``out``/thumbs (``make_thumbnails``)."""

    def make(source: Path) -> Thumbnail:
        return _make(source, out, FOLDER / places[source])

    return each_in_threads("thumbnails", list(places), make, _THREADS, quiet)


def embedded_thumbnails(scored: Sequence[RunScores], side: int, quiet: bool = False) -> dict[Path, Thumbnail]:
    """Return every source with its thumbnail as a ``data:`` address, at most ``side`` pixels wide and high.

    For a page without a folder beside it; like ``make_thumbnails``, but nothing is written.
    """
    sources = image_sources(scored)
    return each_in_threads("thumbnails", sources, lambda source: _embed(source, side), _THREADS, quiet)


def image_sources(scored: Sequence[RunScores]) -> list[Path]:
    """Return the photos and images of the runs, each once."""
    return list(dict(_places(scored)))


def webp(source: Path, side: int) -> bytes:
    """Return an image as WebP, at most ``side`` pixels wide and high; a smaller one keeps its size.

    Raises DreambenchError or OSError where the source cannot be read.
    """
    # Imported late: the reader loads more of the package than `--help` needs.
    from dreambench.dataset import read_image

    image = read_image(source)
    image.thumbnail((side, side))
    content = io.BytesIO()
    image.save(content, format="WEBP", quality=QUALITY, method=4)
    return content.getvalue()


def data_address(content: bytes, kind: str) -> str:
    """Return content of a MIME type as a ``data:`` address."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def image_source(run: RunScores, file: object) -> Path | None:
    """Return the absolute path of a ``file`` column's entry, or None where the image is missing."""
    return None if pd.isna(file) else run.folder.resolve(str(file)).absolute()  # type: ignore[call-overload]


def _places(scored: Sequence[RunScores]) -> Iterator[tuple[Path, PurePosixPath]]:
    """Yield each source with its thumbnail's path below the folder of thumbnails."""
    for run in scored:
        for subject, photos in run.record.photos.items():
            for photo in photos:
                source = Path(photo).absolute()
                # Runs share their photos, and photos of two folders may share a name.
                yield source, _photo_place(subject, source)
        rows = run.tables.images[["subject", "prompt_index", "image_index", "file"]]
        for subject, prompt, image, file in rows.itertuples(index=False):
            found = image_source(run, file)
            if found is not None:
                name = f"{prompt:02d}-{image}.webp"
                yield found, PurePosixPath(folder_name(f"run-{run.label}"), folder_name(subject), name)
        for gallery in galleries_of(run.folder):
            yield from gallery_places(gallery, f"gallery-{run.label}-{gallery.label}")


def gallery_places(gallery: GalleryFolder, folder: str) -> Iterator[tuple[Path, PurePosixPath]]:
    """Yield each existing photo and image of a gallery, with its thumbnail's path."""
    for subject, shown in gallery.record.subjects.items():
        for photo in shown.photos:
            yield Path(photo).absolute(), _photo_place(subject, Path(photo).absolute())
        for image in gallery.images(subject):
            if image.file.exists():
                place = PurePosixPath(folder_name(folder), folder_name(subject), f"{image.file.stem}.webp")
                yield image.file.absolute(), place


def _photo_place(subject: str, source: Path) -> PurePosixPath:
    return PurePosixPath("photos", folder_name(subject), f"{text_sha256(str(source))[:16]}.webp")


def folder_name(name: str) -> str:
    """Return a folder name that every system accepts, different for every ``name``."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:60].strip("-")
    return plain if plain == name else f"{plain or 'x'}-{text_sha256(name)[:8]}"


def _make(source: Path, out: Path, place: PurePosixPath) -> Thumbnail:
    target = out / place
    href = quote(str(place))
    try:
        if _is_fresh(target, source):
            return Thumbnail(href)
        content = webp(source, SIDE)
    except (DreambenchError, OSError):
        return _problem(source)
    write_bytes(target, content)
    return Thumbnail(href)


def _embed(source: Path, side: int) -> Thumbnail:
    try:
        return Thumbnail(data_address(webp(source, side), "image/webp"))
    except (DreambenchError, OSError):
        return _problem(source)


def _problem(source: Path) -> Thumbnail:
    return Thumbnail(None, "cannot be read" if source.exists() else "not found")


def _is_fresh(target: Path, source: Path) -> bool:
    made = source.stat().st_mtime_ns  # raises for a missing source, although its thumbnail may remain
    return target.exists() and target.stat().st_mtime_ns >= made


def problems(thumbnails: Mapping[Path, Thumbnail]) -> int:
    """Return how many sources have no thumbnail."""
    return sum(thumbnail.href is None for thumbnail in thumbnails.values())
