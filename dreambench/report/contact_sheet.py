"""A contact sheet: photos at the left, prompts with their images at the right, as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from dreambench.errors import DreambenchError

CELL = 192
GAP = 6
MARGIN = 36
_COLUMNS = 4
_PHOTO = 144
_LEFT = _PHOTO + 40
_WIDTH = 2 * MARGIN + _LEFT + _COLUMNS * CELL + (_COLUMNS - 1) * GAP
_BLOCK_GAP = 26
INK, SOFT, LINE, PAPER = "#1b1e23", "#5a616b", "#c9ced5", "#ffffff"


@dataclass(frozen=True)
class ContactSheet:
    """The content of a sheet: ``rows`` are (prompt, image files); ``footer`` are lines of small print."""

    title: str
    subtitle: str
    photos: tuple[Path, ...]
    rows: tuple[tuple[str, tuple[Path, ...]], ...]
    footer: tuple[str, ...]


@dataclass(frozen=True)
class _Block:
    """One prompt's place: its wrapped text and its images, ``per_line`` side by side."""

    text: list[str]
    images: tuple[Path, ...]
    per_line: int

    @property
    def images_height(self) -> int:
        lines = -(-len(self.images) // self.per_line)
        return lines * CELL + (lines - 1) * GAP


@dataclass(frozen=True)
class _Row:
    """Blocks side by side; their images start at the same height, however many lines a prompt takes."""

    blocks: list[_Block]

    @property
    def text_height(self) -> int:
        return max(len(block.text) for block in self.blocks) * line_height(15) + 6

    @property
    def height(self) -> int:
        return self.text_height + max(block.images_height for block in self.blocks) + _BLOCK_GAP


def draw_contact_sheet(sheet: ContactSheet) -> Image.Image:
    """Return a sheet as an RGB image, 1,030 pixels wide and as high as its prompts need.

    A file that is missing or cannot be read is drawn as a frame that says so.
    """
    rows = _in_rows(sheet.rows)
    footer = [line for text in sheet.footer for line in wrapped(text, 13, _WIDTH - 2 * MARGIN)]
    head = MARGIN + line_height(26) + line_height(14) + 22
    right = sum(row.height for row in rows)
    left = line_height(13) + 6 + len(sheet.photos) * (_PHOTO + GAP)
    body = max(right, left + _BLOCK_GAP - GAP)
    foot = len(footer) * line_height(13) + 14
    image = Image.new("RGB", (_WIDTH, head + body + foot + MARGIN), PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((MARGIN, MARGIN - 8), _first_line(sheet.title, 26, bold=True), INK, font_of(26, True))
    draw.text((MARGIN, MARGIN + line_height(26)), _first_line(sheet.subtitle, 14), SOFT, font_of(14))
    _draw_photos(image, draw, sheet.photos, head)
    top = head
    for row in rows:
        for place, block in enumerate(row.blocks):
            left_edge = MARGIN + _LEFT + place * block.per_line * (CELL + GAP)
            _draw_block(image, draw, block, (left_edge, top), row.text_height)
        top += row.height
    draw.line((MARGIN, head + body, _WIDTH - MARGIN, head + body), LINE)
    draw_lines(draw, (MARGIN, head + body + 14), footer, SOFT, 13)
    return image


def draw_lines(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    lines: Sequence[str],
    color: str,
    size: int,
    bold: bool = False,
) -> None:
    """Draw lines of text below each other."""
    for number, line in enumerate(lines):
        draw.text((place[0], place[1] + number * line_height(size)), line, color, font_of(size, bold))


def _first_line(text: str, size: int, bold: bool = False) -> str:
    lines = wrapped(text, size, _WIDTH - 2 * MARGIN, bold)
    return lines[0] + (" …" if lines[1:] else "")


def wrapped(text: str, size: int, width: int, bold: bool = False) -> list[str]:
    """Break a text into lines that fit ``width`` pixels; a word that is too long for one is broken too."""
    font = font_of(size, bold)
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if lines[-1] and font.getlength(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return lines


def _in_rows(prompts: Sequence[tuple[str, tuple[Path, ...]]]) -> list[_Row]:
    blocks = []
    for prompt, images in prompts:
        per_line = min(max(len(images), 1), _COLUMNS)
        width = per_line * (CELL + GAP) - GAP
        blocks.append(_Block(wrapped(prompt, 15, width), images, per_line))
    side_by_side = max(1, _COLUMNS // max((block.per_line for block in blocks), default=1))
    return [_Row(blocks[i : i + side_by_side]) for i in range(0, len(blocks), side_by_side)]


def _draw_photos(image: Image.Image, draw: ImageDraw.ImageDraw, photos: Sequence[Path], top: int) -> None:
    draw.text((MARGIN, top), "Photos", SOFT, font_of(13))
    top += line_height(13) + 6
    for number, photo in enumerate(photos):
        paste(image, draw, photo, (MARGIN, top + number * (_PHOTO + GAP)), _PHOTO)


def _draw_block(
    image: Image.Image, draw: ImageDraw.ImageDraw, block: _Block, place: tuple[int, int], text_height: int
) -> None:
    left, top = place
    draw_lines(draw, place, block.text, INK, 15)
    for number, file in enumerate(block.images):
        down, across = divmod(number, block.per_line)
        corner = (left + across * (CELL + GAP), top + text_height + down * (CELL + GAP))
        paste(image, draw, file, corner, CELL)


def paste(
    image: Image.Image, draw: ImageDraw.ImageDraw, file: Path | None, place: tuple[int, int], side: int
) -> None:
    """Draw an image file in a square at ``place``; for a missing or damaged one, a frame that says so."""
    from dreambench.dataset import read_image

    try:
        picture = read_image(file) if file else None
    except DreambenchError:
        picture = None
    if file is None or picture is None:
        draw.rectangle((*place, place[0] + side - 1, place[1] + side - 1), outline=LINE)
        message = "cannot be read" if file and file.exists() else "missing"
        middle = (place[0] + side // 2, place[1] + side // 2)
        draw.text(middle, message, SOFT, font_of(13), anchor="mm")
        return
    image.paste(ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS), place)


def line_height(size: int) -> int:
    """Return the height in pixels of a line of text of a size."""
    return round(size * 1.35)


@cache
def font_of(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return the sheets' font in a size."""
    # matplotlib ships a font with many scripts, so a sheet does not depend on the machine's fonts.
    import matplotlib

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", name)), size)
