"""The score tables: their columns, their types, and how a subject's numbers become rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dreambench.dataset.image_request import ImageRequest
from dreambench.spec.metric import SCORE_TABLES
from dreambench.spec.registries import metrics_that_compare


@dataclass(frozen=True)
class BenchmarkImage:
    """One expected image of a run.

    ``prompt`` is the model's prompt, ``caption`` the text that CLIP-T compares with, ``kind`` the prompt's
    kind (recontextualization, ...). ``file`` is None if the image is missing.
    """

    subject: str
    class_noun: str
    category: str
    prompt_index: int
    prompt: str
    caption: str
    kind: str
    image_index: int
    seed: int | None
    file: Path | None


#: An image of an unrelated prompt by a subject's model, and the base model's from the same noise.
DriftPair = tuple[ImageRequest, ImageRequest]

_COLUMNS: dict[str, dict[str, str]] = {
    "images": {
        "subject": "object",
        "class_noun": "object",
        "category": "object",
        "prompt_index": "int64",
        "prompt": "object",
        "kind": "object",
        "image_index": "int64",
        "seed": "Int64",
        "file": "object",
        "size": "object",  # WIDTHxHEIGHT in pixels
    },
    "diversity": {"subject": "object", "prompt_index": "int64", "pair": "object"},
    "prior": {"subject": "object", "image_index": "int64", "file": "object"},
    "drift": {
        "subject": "object",
        "prompt_index": "int64",
        "prompt": "object",
        "file": "object",
        "base_file": "object",
    },
    "photos": {"subject": "object", "photo_a": "object", "photo_b": "object"},
}
#: The tables of every run.
TABLES = ("images", "diversity", "prior", "photos")


def tables_of(metrics: tuple[str, ...]) -> tuple[str, ...]:
    """Return the tables of a run that was asked for some metrics: drift's only where it is asked for."""
    return (*TABLES, "drift") if metrics_that_compare(SCORE_TABLES["drift"], metrics) else TABLES


def as_table(name: str, rows: Sequence[Mapping[str, Any]], metrics: tuple[str, ...]) -> pd.DataFrame:
    """Return rows as the frame of one table, with its columns in order and of the right types.

    The columns do not depend on the rows; a score that a row lacks is NaN. ``metrics`` are the requested
    ones, in addition to the standard ones.
    """
    scores = metrics_that_compare(SCORE_TABLES[name], metrics)
    types = {**_COLUMNS[name], **{metric.column: "float64" for metric in scores}}
    # Column by column: a frame made from rows would turn a seed column with a gap into floats.
    return pd.DataFrame(
        {column: _column([row.get(column) for row in rows], types[column]) for column in types}
    )


def _column(values: list[Any], kind: str) -> pd.Series[Any]:
    if kind == "float64":
        values = [math.nan if value is None else value for value in values]
    return pd.Series(values, dtype=kind)


def image_row(
    cell: BenchmarkImage, file: str | None, size: tuple[int, int] | None, scores: Mapping[str, float]
) -> dict[str, Any]:
    """Return a row of ``images``: the cell, its file's path in the run, its size, and its scores."""
    fields = asdict(cell)
    del fields["caption"]
    return {**fields, "file": file, "size": size and f"{size[0]}x{size[1]}", **scores}
