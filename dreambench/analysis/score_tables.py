"""The four score tables of a run, with all their columns and the rows in one fixed order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dreambench.spec.metric import SCORE_TABLES
from dreambench.spec.registries import metrics_that_compare
from dreambench.store import RunFolder

_KEYS = {
    "images": ("subject", "prompt_index", "image_index"),
    "diversity": ("subject", "prompt_index", "pair"),
    "prior": ("subject", "image_index"),
    "photos": ("subject", "photo_a", "photo_b"),
}
_OTHERS = {
    "images": ("class_noun", "category", "prompt", "kind", "seed", "file", "size"),
    "diversity": (),
    "prior": ("file",),
    "photos": (),
}


def image_metrics(asked: Iterable[str] = ()) -> list[str]:
    """Return the names of the metrics with one number per image, the standard ones and those asked for."""
    return [metric.name for metric in metrics_that_compare(SCORE_TABLES["images"], asked)]


@dataclass(frozen=True)
class ScoreTables:
    """The score tables of one run; a table that was never computed has no rows."""

    images: pd.DataFrame
    diversity: pd.DataFrame
    prior: pd.DataFrame
    photos: pd.DataFrame


def read_tables(run: RunFolder) -> ScoreTables:
    """Read a run's score tables.

    Rows are sorted by their keys, so that no sum depends on the order in which they were written. A
    score that is not a finite number becomes NaN.
    """
    asked = run.record.spec.protocol.metrics
    return ScoreTables(**{name: _in_order(run.scores(name), name, asked) for name in _KEYS})


def _in_order(frame: pd.DataFrame, name: str, asked: Iterable[str]) -> pd.DataFrame:
    keys = list(_KEYS[name])
    scores = [metric.column for metric in metrics_that_compare(SCORE_TABLES[name], asked)]
    ordered = frame.reindex(columns=[*keys, *_OTHERS[name], *scores])
    numbers = ordered[scores].apply(pd.to_numeric, errors="coerce").astype(float)
    ordered[scores] = numbers.where(np.isfinite(numbers))
    return ordered.sort_values(keys, kind="stable", ignore_index=True)
