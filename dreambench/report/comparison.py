"""Runs side by side: the same cell (subject, prompt, image) of every run, beside a photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import pandas as pd

from dreambench.analysis import RunScores
from dreambench.errors import DreambenchError, did_you_mean
from dreambench.report.pictures import Album, Picture

ROWS = 12
RULE = (
    "For each subject the image whose mean DINO over the runs is that subject's median: chosen by rule, "
    "never by hand."
)
_CELL = ["subject", "prompt_index", "image_index"]


class SharedCell(NamedTuple):
    """One subject, prompt and image of the benchmark; indices count from 0."""

    subject: str
    prompt_index: int
    image_index: int

    def __str__(self) -> str:
        return f"{self.subject}/{self.prompt_index}-{self.image_index}"


@dataclass(frozen=True)
class ComparedCell:
    """A cell with one of the subject's photos, and a picture of each run."""

    key: str
    photo: Picture | None
    pictures: tuple[Picture, ...]


def typical_cells(scored: Sequence[RunScores], rows: int = ROWS) -> list[SharedCell]:
    """Return one cell per subject that all runs have drawn and scored by DINO, at most ``rows``.

    It is the cell whose mean DINO over the runs is the subject's median (``RULE``). With more subjects than
    ``rows``, it takes every second or third one.
    """
    tables = [run.tables.images.dropna(subset=["dino", "file"]) for run in scored]
    means = [table.set_index(_CELL)["dino"] for table in tables]
    shared = reduce(lambda a, b: a.intersection(b), (series.index for series in means))
    mean = pd.concat([series.loc[shared] for series in means], axis=1).mean(axis=1)
    found = []
    for subject in dict.fromkeys(str(name) for run in scored for name in run.record.subjects):
        own = mean[mean.index.get_level_values(0) == subject].sort_values(kind="stable")
        if len(own):
            name, prompt, image = own.index[(len(own) - 1) // 2]
            found.append(SharedCell(str(name), int(prompt), int(image)))
    step = -(-len(found) // rows) if found else 1
    return found[::step]


def parse_cells(text: str, scored: Sequence[RunScores]) -> list[SharedCell]:
    """Return the cells of ``SUBJECT/PROMPT-IMAGE,...``. Raises DreambenchError for one that no run has."""
    known = {
        SharedCell(str(s), int(p), int(i))
        for run in scored
        for s, p, i in run.tables.images[_CELL].itertuples(index=False)
    }
    cells = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        subject, _, place = part.rpartition("/")
        prompt, _, image = place.partition("-")
        if not (subject and prompt.isdecimal() and image.isdecimal()):
            raise DreambenchError(
                f"--cells {part} does not name an image", "give SUBJECT/PROMPT-IMAGE, such as dog/3-0"
            )
        cell = SharedCell(subject, int(prompt), int(image))
        if cell not in known:
            hint = did_you_mean(str(cell), map(str, known)) or "images.csv of the report lists them"
            raise DreambenchError(f"--cells {part}: no run has such an image", hint)
        cells.append(cell)
    return cells


def compared_cells(scored: Sequence[RunScores], album: Album) -> list[ComparedCell]:
    """Return the page's rows; none for a single run, and where no cell is in all runs."""
    if len(scored) < 2:
        return []
    found = []
    for cell in typical_cells(scored):
        pictures = tuple(album.image(run, row_of(run, cell)) for run in scored)
        found.append(ComparedCell(str(cell), album.first_photo(cell.subject, scored), pictures))
    return found


def row_of(run: RunScores, cell: SharedCell) -> object | None:
    """Return a cell's row of a run's images table as a named tuple, or None."""
    images = run.tables.images
    here = (images[_CELL] == list(cell)).all(axis=1)
    return next(images[here].itertuples(index=False), None)
