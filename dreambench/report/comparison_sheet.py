"""A comparison as one picture or PDF page: a photo at the left, then the same cell of every run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from dreambench.analysis import RunScores
from dreambench.errors import DreambenchError
from dreambench.report import numbers
from dreambench.report.comparison import RULE, SharedCell, row_of
from dreambench.report.contact_sheet import (
    GAP,
    INK,
    LINE,
    MARGIN,
    PAPER,
    SOFT,
    draw_lines,
    font_of,
    line_height,
    paste,
    wrapped,
)
from dreambench.report.thumbnails import image_source
from dreambench.spec.registries import get_metric
from dreambench.spec.signature import MINIATURE_NOTE, is_miniature
from dreambench.store.files import write_atomically

_SIDE, _WORDS, _FOOT = 224, 15, 12
_FORMATS = {".png": "PNG", ".pdf": "PDF"}
_SHOWN = ("dino", "clip_t")


def write_comparison(
    scored: Sequence[RunScores], cells: Sequence[SharedCell], file: Path, by_hand: bool
) -> None:
    """Write a row per cell: the subject's first photo, then each run's image with DINO and CLIP-T.

    Raises DreambenchError where the file is neither .png nor .pdf, or there is no cell.
    """
    kind = _FORMATS.get(file.suffix.lower())
    if kind is None:
        raise DreambenchError(
            f"--compare-sheet {file} is neither .png nor .pdf", "name a file such as compare.png"
        )
    if not cells:
        raise DreambenchError("the runs share no image that is scored by DINO", "choose some with --cells")
    sheet = draw_comparison(scored, cells, by_hand)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, lambda path: sheet.save(path, format=kind, resolution=150))


def draw_comparison(scored: Sequence[RunScores], cells: Sequence[SharedCell], by_hand: bool) -> Image.Image:
    """Return the sheet as an RGB image."""
    columns = 1 + len(scored)
    width = 2 * MARGIN + columns * _SIDE + (columns - 1) * GAP
    head = MARGIN + 2 * line_height(_WORDS) + GAP
    row_height = line_height(_WORDS) + _SIDE + line_height(_FOOT) + 3 * GAP
    footer = _footer(scored, by_hand, width - 2 * MARGIN)
    height = head + len(cells) * row_height + len(footer) * line_height(_FOOT) + MARGIN + GAP
    image = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(image)
    for column, label in enumerate(("photo", *(run.label for run in scored))):
        lines = wrapped(label, _WORDS, _SIDE, bold=True)[:2]
        draw_lines(draw, (_left(column), MARGIN), lines, INK, _WORDS, bold=True)
    for number, cell in enumerate(cells):
        _draw_row(image, draw, scored, cell, head + number * row_height)
    top = head + len(cells) * row_height
    draw.line((MARGIN, top, width - MARGIN, top), LINE)
    draw_lines(draw, (MARGIN, top + GAP), footer, SOFT, _FOOT)
    return image


def _left(column: int) -> int:
    return MARGIN + column * (_SIDE + GAP)


def _draw_row(
    image: Image.Image, draw: ImageDraw.ImageDraw, scored: Sequence[RunScores], cell: SharedCell, top: int
) -> None:
    rows: list[Any] = [row_of(run, cell) for run in scored]
    prompt = next(str(row.prompt) for row in rows if row is not None)
    subtitle = wrapped(f"{cell.subject}: {prompt}", _WORDS, image.width - 2 * MARGIN)
    draw.text((MARGIN, top), subtitle[0], INK, font_of(_WORDS))
    top += line_height(_WORDS) + GAP // 2
    photos = [photo for run in scored for photo in run.record.photos.get(cell.subject, [])]
    if photos:
        paste(image, draw, Path(photos[0]), (_left(0), top), _SIDE)
    for column, (run, row) in enumerate(zip(scored, rows, strict=True), start=1):
        source = None if row is None else image_source(run, row.file)
        paste(image, draw, source, (_left(column), top), _SIDE)
        if row is not None:
            scores = [f"{get_metric(m).title} {numbers.fixed(getattr(row, m, None))}" for m in _SHOWN]
            draw.text((_left(column), top + _SIDE + 2), "   ".join(scores), SOFT, font_of(_FOOT))


def _footer(scored: Sequence[RunScores], by_hand: bool, width: int) -> list[str]:
    chosen = "Images chosen by hand." if by_hand else RULE
    mini = f" {MINIATURE_NOTE}." if is_miniature(scored[0].signature) else ""
    lines = wrapped(f"{chosen}{mini}", _FOOT, width)
    return lines + wrapped(scored[0].signature.replace("|", " | "), _FOOT, width)
