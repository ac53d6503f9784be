"""The score tables: their columns, their types, and how a subject's numbers become rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

#: The columns of each table before those of scores; ``size`` is WIDTHxHEIGHT in pixels.
COLUMNS = {
    "images": (
        *("subject", "class_noun", "category", "prompt_index", "prompt", "kind", "image_index"),
        *("seed", "file", "size"),
    ),
    "diversity": ("subject", "prompt_index", "pair"),
    "prior": ("subject", "image_index", "file"),
    "drift": ("subject", "prompt_index", "prompt", "file", "base_file"),
    "photos": ("subject", "photo_a", "photo_b"),
}
_NUMBERS = {"prompt_index": "int64", "image_index": "int64", "seed": "Int64"}
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
    types = {column: _NUMBERS.get(column, "object") for column in COLUMNS[name]}
    types |= {metric.column: "float64" for metric in scores}
    # Column by column: a frame made from rows would turn a seed column with a gap into floats.
    columns = {name: pd.Series([row.get(name) for row in rows], dtype=kind) for name, kind in types.items()}
    return pd.DataFrame(columns)
