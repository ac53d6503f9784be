"""The four score tables of a run, with all their columns and the rows in one fixed order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dreambench.store import RunFolder

IMAGE_SCORES = ("dino", "clip_i", "clip_t")
_KEYS = {
    "images": ("subject", "prompt_index", "image_index"),
    "diversity": ("subject", "prompt_index", "pair"),
    "prior": ("subject", "image_index"),
    "photos": ("subject", "photo_a", "photo_b"),
}
_OTHERS = {
    "images": ("class_noun", "category", "prompt", "kind", "seed", "file"),
    "diversity": (),
    "prior": ("file",),
    "photos": (),
}
_SCORES = {
    "images": IMAGE_SCORES,
    "diversity": ("lpips",),
    "prior": ("pres",),
    "photos": ("dino", "clip_i"),
}


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
    return ScoreTables(**{name: _in_order(run.scores(name), name) for name in _KEYS})


def _in_order(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    keys, scores = list(_KEYS[name]), list(_SCORES[name])
    ordered = frame.reindex(columns=[*keys, *_OTHERS[name], *scores])
    numbers = ordered[scores].apply(pd.to_numeric, errors="coerce").astype(float)
    ordered[scores] = numbers.where(np.isfinite(numbers))
    return ordered.sort_values(keys, kind="stable", ignore_index=True)
