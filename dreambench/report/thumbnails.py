"""Small WebP copies of photos and images, made once, so that a page of 3,000 images stays light."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import pandas as pd

from dreambench.analysis import RunScores
from dreambench.errors import DreambenchError
from dreambench.store.files import write_atomically
from dreambench.store.gallery_folder import GalleryFolder, galleries_of

SIDE = 128
QUALITY = 82
FOLDER = "thumbs"


@dataclass(frozen=True)
class Thumbnail:
    """A source's thumbnail: its address relative to the page, or None and the problem with the source."""

    href: str | None
    problem: str | None = None


def make_thumbnails(scored: Sequence[RunScores], out: Path, quiet: bool = False) -> dict[Path, Thumbnail]:
    """Make the thumbnails of all photos and images of the runs below ``out``/thumbs.

    At most ``SIDE`` pixels wide and high. One that is there and not older than its source is left
    alone. Returns every source with its thumbnail; a source that cannot be read has its problem
    instead. Shows a bar with an ETA on stderr unless ``quiet``. Raises DreambenchError where ``out``
    cannot be written.
    """
    return thumbnails_at(dict(_places(scored)), out, quiet)


def thumbnails_at(
    places: Mapping[Path, PurePosixPath], out: Path, quiet: bool = False
) -> dict[Path, Thumbnail]:
    """Make the thumbnails of some sources, each at its place below ``out``/thumbs; as ``make_thumbnails``."""
    from dreambench.progress import reporter

    places = {source: FOLDER / place for source, place in places.items()}
    done: dict[Path, Thumbnail] = {}
    with reporter(quiet) as shown, ThreadPoolExecutor(min(8, (os.cpu_count() or 1) + 2)) as pool:
        shown.start("thumbnails", len(places))
        jobs = {pool.submit(_make, source, out, place): source for source, place in places.items()}
        try:
            for job in as_completed(jobs):
                done[jobs[job]] = job.result()
                shown.advance("thumbnails")
        except BaseException:  # also Ctrl-C: what has not begun is not waited for
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        shown.finish("thumbnails")
    return done


def image_source(run: RunScores, file: object) -> Path | None:
    """Return the absolute path of a ``file`` column's entry, or None where the image is missing."""
    return None if pd.isna(file) else run.folder.resolve(str(file)).absolute()  # type: ignore[call-overload]


def _places(scored: Sequence[RunScores]) -> Iterator[tuple[Path, PurePosixPath]]:
    """Yield each source with the place of its thumbnail below the folder of thumbnails."""
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
                yield found, PurePosixPath(_safe(f"run-{run.label}"), _safe(subject), name)
        for gallery in galleries_of(run.folder):
            yield from gallery_places(gallery, f"gallery-{run.label}-{gallery.label}")


def gallery_places(gallery: GalleryFolder, folder: str) -> Iterator[tuple[Path, PurePosixPath]]:
    """Yield each photo and each image of a gallery that is there, with its thumbnail's place."""
    for subject, shown in gallery.record.subjects.items():
        for photo in shown.photos:
            yield Path(photo).absolute(), _photo_place(subject, Path(photo).absolute())
        for image in gallery.images(subject):
            if image.file.exists():
                place = PurePosixPath(_safe(folder), _safe(subject), f"{image.file.stem}.webp")
                yield image.file.absolute(), place


def _photo_place(subject: str, source: Path) -> PurePosixPath:
    return PurePosixPath("photos", _safe(subject), f"{_digest(str(source))}.webp")


def _safe(name: str) -> str:
    """Return a name that is a plain folder on every system, and another one for another name."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:60].strip("-")
    return plain if plain == name else f"{plain or 'x'}-{_digest(name)[:8]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _make(source: Path, out: Path, place: PurePosixPath) -> Thumbnail:
    target = out / place
    href = quote(str(place))
    try:
        if _is_fresh(target, source):
            return Thumbnail(href)
        # Looked up late: the reader comes with more of the package than `--help` should load.
        from dreambench.benchmark import read_image

        image = read_image(source)
    except (DreambenchError, OSError):
        return Thumbnail(None, "cannot be read" if source.exists() else "not found")
    image.thumbnail((SIDE, SIDE))
    write_atomically(target, lambda path: image.save(path, format="WEBP", quality=QUALITY, method=4))
    return Thumbnail(href)


def _is_fresh(target: Path, source: Path) -> bool:
    made = source.stat().st_mtime_ns  # a source that is gone is told, though its thumbnail may remain
    return target.exists() and target.stat().st_mtime_ns >= made


def problems(thumbnails: Mapping[Path, Thumbnail]) -> int:
    """Return how many sources have no thumbnail."""
    return sum(thumbnail.href is None for thumbnail in thumbnails.values())
