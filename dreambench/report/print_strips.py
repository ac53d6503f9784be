"""What the page shows on paper: each subject's photos and the first image of each prompt, as JPEG strips.

A PDF embeds a JPEG as it is but decodes every other format: printed one by one, the 3,000 thumbnails of a run
would take about 30 MB, or 100 MB where the images look like photographs.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote

from PIL import Image, ImageOps

from dreambench.analysis import RunScores
from dreambench.report import numbers
from dreambench.report.pictures import Picture, photos_of, picture_of
from dreambench.report.subject_grids import PROMPT_MEANS
from dreambench.report.thumbnails import FOLDER, Thumbnail, data_address, folder_name
from dreambench.store.files import write_atomically

COLUMNS = 6
SIDE = 96  # pixels: 25 mm on paper, and a run of 30 subjects stays below 5 MB
GAP = 4
QUALITY = 75
PAPER, ABSENT = "#ffffff", "#eeeeee"


@dataclass(frozen=True)
class PrintCell:
    """One picture of a strip; ``means`` are those of ``PROMPT_MEANS``. A photo has only a picture."""

    picture: Picture
    text: str = ""
    index: str = ""
    means: tuple[str, ...] = ()


@dataclass(frozen=True)
class PrintStrip:
    """Up to ``COLUMNS`` pictures in one JPEG (None: none of them is there). Photos have no ``run``."""

    href: str | None
    alt: str
    run: str
    cells: tuple[PrintCell, ...]


def written_strips(
    scored: Sequence[RunScores], thumbnails: Mapping[Path, Thumbnail], out: Path
) -> dict[str, list[PrintStrip]]:
    """Return every subject's strips, kept as files below ``out``/thumbs/print.

    They are made from the ``thumbnails``, which are also below ``out``. Raises DreambenchError where ``out``
    cannot be written.
    """

    def keep(content: bytes, place: PurePosixPath) -> str:
        path = FOLDER / place
        write_atomically(out / path, lambda file: _write(file, content))
        return quote(str(path))

    return _strips(scored, thumbnails, out, keep)


def embedded_strips(
    scored: Sequence[RunScores], thumbnails: Mapping[Path, Thumbnail]
) -> dict[str, list[PrintStrip]]:
    """Return every subject's strips with ``data:`` addresses, like those of the ``thumbnails``."""
    return _strips(scored, thumbnails, Path(), lambda content, _: data_address(content, "image/jpeg"))


def strip(pictures: Sequence[Image.Image | None]) -> bytes:
    """Return at most ``COLUMNS`` pictures side by side as JPEG, ``None`` as a grey square.

    A strip is always as wide as ``COLUMNS`` squares. Their side is ``SIDE`` pixels, or that of the largest
    picture if it is smaller.
    """
    side = min(SIDE, max((max(picture.size) for picture in pictures if picture), default=SIDE))
    sheet = Image.new("RGB", (COLUMNS * (side + GAP) - GAP, side), PAPER)
    for number, picture in enumerate(pictures):
        square = ImageOps.fit(picture, (side, side)) if picture else Image.new("RGB", (side, side), ABSENT)
        sheet.paste(square, (number * (side + GAP), 0))
    content = io.BytesIO()
    sheet.save(content, format="JPEG", quality=QUALITY, optimize=True)
    return content.getvalue()


def _strips(
    scored: Sequence[RunScores],
    thumbnails: Mapping[Path, Thumbnail],
    out: Path,
    keep: Callable[[bytes, PurePosixPath], str],
) -> dict[str, list[PrintStrip]]:
    found: dict[str, list[PrintStrip]] = {}
    for subject in dict.fromkeys(name for run in scored for name in run.record.subjects):
        photos = [PrintCell(photo) for photo in photos_of(subject, scored, thumbnails)]
        rows = [("", photos), *((run.label, list(_cells(subject, run, thumbnails, out))) for run in scored)]
        parts = [(run, cells[i : i + COLUMNS]) for run, cells in rows for i in range(0, len(cells), COLUMNS)]
        found[subject] = []
        for number, (label, cells) in enumerate(parts):
            pictures = [_image(cell.picture, out) for cell in cells]
            place = PurePosixPath("print", folder_name(subject), f"{number:02d}.jpg")
            href = keep(strip(pictures), place) if any(pictures) else None
            found[subject].append(PrintStrip(href, _alt(subject, cells), label, tuple(cells)))
    return found


def _cells(
    subject: str, run: RunScores, thumbnails: Mapping[Path, Thumbnail], out: Path
) -> Iterator[PrintCell]:
    images = run.tables.images[run.tables.images["subject"] == subject]
    for index, rows in images.groupby("prompt_index"):
        found = rows.sort_values("image_index").itertuples(index=False)
        pictures = [picture_of(subject, run, row, thumbnails, out) for row in found]
        shown = next((picture for picture in pictures if picture.href), pictures[0])
        means = tuple(numbers.fixed(float(rows[score].mean())) for score in PROMPT_MEANS)
        yield PrintCell(shown, str(rows["prompt"].iloc[0]), str(index), means)


def _alt(subject: str, cells: Sequence[PrintCell]) -> str:
    if not cells[0].index:
        return f"Photos of {subject}"
    return f"{subject}: prompts {cells[0].index} to {cells[-1].index}"


def _image(picture: Picture, out: Path) -> Image.Image | None:
    """Return the picture's thumbnail, read from the file or the ``data:`` address that it has on the page."""
    if picture.href is None:
        return None
    if picture.href.startswith("data:"):
        content = base64.b64decode(picture.href.partition(",")[2])
    else:
        content = (out / unquote(picture.href)).read_bytes()
    return Image.open(io.BytesIO(content)).convert("RGB")


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
