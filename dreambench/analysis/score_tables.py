"""The score tables of a run, with all their columns and the rows in one fixed order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from dreambench.errors import DreambenchError
from dreambench.metrics.tables import COLUMNS
from dreambench.spec.metric import SCORE_TABLES
from dreambench.spec.registries import metrics_that_compare
from dreambench.store import RunFolder

_ROUNDING = 1e-3  # a cosine of float32 vectors may be a little more than 1
_KEYS = {
    "images": ("subject", "prompt_index", "image_index"),
    "diversity": ("subject", "prompt_index", "pair"),
    "prior": ("subject", "image_index"),
    "drift": ("subject", "prompt_index"),
    "photos": ("subject", "photo_a", "photo_b"),
}
_OTHERS = {name: tuple(c for c in columns if c not in _KEYS[name]) for name, columns in COLUMNS.items()}
_WHOLE_NUMBERS = frozenset({"prompt_index", "image_index", "seed"})
#: What pandas calls the kinds of a column, and what we do.
_INTEGERS = (frozenset({"integer"}), "whole numbers")
_TEXT = (frozenset({"string", "categorical"}), "text")


def image_metrics(asked: Iterable[str] = ()) -> list[str]:
    """Return the names of the metrics with one number per image: the standard and the requested ones."""
    return [metric.name for metric in metrics_that_compare(SCORE_TABLES["images"], asked)]


@dataclass(frozen=True)
class ScoreTables:
    """The score tables of one run; a table that was never computed has no rows."""

    images: pd.DataFrame
    diversity: pd.DataFrame
    prior: pd.DataFrame
    photos: pd.DataFrame
    drift: pd.DataFrame = field(default_factory=pd.DataFrame)


def read_tables(run: RunFolder) -> ScoreTables:
    """Read a run's score tables.

    Rows are sorted by their keys, so that no sum depends on the order in which they were written. A missing
    score is NaN. Raises DreambenchError where a table is not what a run writes: a column is missing, a row
    is duplicated or has a subject that the run does not have, or a score is not a number in its metric's
    range.
    """
    asked = run.record.spec.protocol.metrics
    tables = {}
    for name in _KEYS:
        frame = run.scores(name)
        if len(frame.columns) and (wrong := _first_damage(frame, name, run)):
            raise DreambenchError(
                f"{run.score_file(name)} is damaged: {wrong}",
                "repeat the command that made it, or restore the file",
            )
        tables[name] = _in_order(frame, name, asked)
    return ScoreTables(**tables)


def _first_damage(frame: pd.DataFrame, name: str, run: RunFolder) -> str | None:
    """Return what is wrong with a table, or None."""
    asked, keys = run.record.spec.protocol.metrics, list(_KEYS[name])
    metrics = [m for m in metrics_that_compare(SCORE_TABLES[name], asked) if m.name in asked]
    if missing := [column for column in (*keys, *(m.column for m in metrics)) if column not in frame]:
        return f"it has no column {missing[0]!r}"
    if wrong := _wrong_kind(frame, name):
        return wrong
    twice = frame.loc[frame.duplicated(keys).to_numpy(), keys]
    if len(twice):
        return f"the row of {'/'.join(map(str, twice.iloc[0]))} appears twice"
    unknown = sorted(set(map(str, frame["subject"])) - run.record.subjects.keys())
    if unknown and name == "images":
        return f"the run has no subject {unknown[0]!r}"
    for metric in metrics:
        column = frame[metric.column]
        numbers = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        if column.notna().any() and not numbers:
            return f"{metric.column} is not a column of numbers"
        low, high = (end * run.record.spec.protocol.scale.get(metric.name, 1.0) for end in metric.range)
        outside = column[
            (column < low - _ROUNDING) | (column > high + _ROUNDING) | np.isinf(column.astype(float))
        ]
        if len(outside):
            return f"a {metric.title} of {outside.iloc[0]:g} is not between {low:g} and {high:g}"
    return None


def _wrong_kind(frame: pd.DataFrame, name: str) -> str | None:
    """Return which column of a table is not of its kind, or has a gap where it is a key; or None."""
    for column in (*_KEYS[name], *_OTHERS[name]):
        if column not in frame or not len(frame):
            continue
        values, is_key = frame[column], column in _KEYS[name]
        if is_key and values.isna().any():
            return f"{column} has a gap in row {int(np.argmax(values.isna()))}"
        kinds, words = _INTEGERS if column in _WHOLE_NUMBERS else _TEXT
        present = values.dropna()
        if column == "seed" and present.dtype.kind == "f":  # as a gap makes them
            present = present[present % 1 != 0]
        if len(present) and pd.api.types.infer_dtype(present) not in kinds:
            return f"{column} is not a column of {words}"
    return None


def _in_order(frame: pd.DataFrame, name: str, asked: Iterable[str]) -> pd.DataFrame:
    keys = list(_KEYS[name])
    scores = [metric.column for metric in metrics_that_compare(SCORE_TABLES[name], asked)]
    ordered = frame.reindex(columns=[*keys, *_OTHERS[name], *scores])
    numbers = ordered[scores].apply(pd.to_numeric, errors="coerce").astype(float)
    ordered[scores] = numbers.where(np.isfinite(numbers))
    return ordered.sort_values(keys, kind="stable", ignore_index=True)
