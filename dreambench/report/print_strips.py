"""What the page shows on paper: each subject's photos and the first image of each prompt, as JPEG strips.

A PDF embeds a JPEG as it is but decodes every other format: printed one by one, the 3,000 thumbnails of a run
would take about 30 MB, or 100 MB where the images look like photographs.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote

from PIL import Image, ImageOps

from dreambench.report.pictures import Picture
from dreambench.report.subject_grids import SubjectGrid
from dreambench.report.thumbnails import FOLDER, data_address, folder_name
from dreambench.store.files import write_bytes

COLUMNS = 6
SIDE = 96  # pixels: 25 mm on paper, and a run of 30 subjects stays below 5 MB
GAP = 4
QUALITY = 75
PAPER, ABSENT = "#ffffff", "#eeeeee"


@dataclass(frozen=True)
class PrintCell:
    """One picture of a strip; ``means`` are those of ``PROMPT_MEANS``. A photo has only a picture."""

    picture: Picture
    index: str = ""
    means: tuple[str, ...] = ()


@dataclass(frozen=True)
class PrintStrip:
    """Up to ``COLUMNS`` pictures in one JPEG (None: none of them is there). Photos have no ``run``."""

    href: str | None
    alt: str
    run: str
    cells: tuple[PrintCell, ...]


#: Stores a strip's JPEG under a relative path, and returns its address on the page.
KeepStrip = Callable[[bytes, PurePosixPath], str]


def strips_in_files(out: Path) -> KeepStrip:
    """Return how strips become files below ``out``/thumbs; DreambenchError where they cannot be written.

    A file that has the strip already is left alone: a page is made many times while its run goes on.
    """

    def keep(content: bytes, place: PurePosixPath) -> str:
        path = out / FOLDER / place
        if not path.is_file() or path.read_bytes() != content:
            write_bytes(path, content)
        return quote(str(FOLDER / place))

    return keep


def strips_in_the_page(content: bytes, place: PurePosixPath) -> str:
    """Return a strip's ``data:`` address: the page itself has it."""
    return data_address(content, "image/jpeg")


def print_strips(
    grids: Sequence[SubjectGrid], labels: Sequence[str], out: Path, keep: KeepStrip
) -> dict[str, list[PrintStrip]]:
    """Return every subject's strips: its photos, and of each run (``labels``) an image per prompt.

    They are made from the thumbnails that the ``grids`` show, which are below ``out`` or in the page.
    """
    found: dict[str, list[PrintStrip]] = {}
    for grid in grids:
        photos = [PrintCell(photo) for photo in grid.photos]
        rows = [("", photos), *((label, _cells(grid, run)) for run, label in enumerate(labels))]
        parts = [(run, cells[i : i + COLUMNS]) for run, cells in rows for i in range(0, len(cells), COLUMNS)]
        found[grid.name] = []
        for number, (label, cells) in enumerate(parts):
            pictures = [_image(cell.picture, out) for cell in cells]
            place = PurePosixPath("print", folder_name(grid.name), f"{number:02d}.jpg")
            href = keep(strip(pictures), place) if any(pictures) else None
            found[grid.name].append(PrintStrip(href, _alt(grid.name, cells), label, tuple(cells)))
    return found


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


def _cells(grid: SubjectGrid, run: int) -> list[PrintCell]:
    """Return a run's cell of each prompt that it has: the first image that can be shown."""
    found = []
    for line in grid.lines:
        cells = line.runs[run]
        if cells.pictures:
            shown = next((picture for picture in cells.pictures if picture.href), cells.pictures[0])
            found.append(PrintCell(shown, str(line.index), cells.means))
    return found


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
