"""Reading the ImagenHub ratings of subject-driven generation, and the automatic scores of the same images.

A cell of a rater's table is ``[SC, PQ]``: semantic consistency and perceptual quality, each 0, 0.5 or 1
(Ku et al., "ImagenHub", ICLR 2024). O is sqrt(SC x PQ) of one rater; every score of an image is the mean
over the raters.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dreambench.dataset.pinned_files import IMAGENHUB
from dreambench.errors import DreambenchError
from dreambench.human.correlation import RatedImages
from dreambench.human.correlation.raters import TIE_DIGITS

HUMANS = ("sc", "pq", "o")
METRICS = {"dino": "DINO", "clip_i": "CLIP_I"}
LEVELS = {0.0, 0.5, 1.0}
Key = tuple[str, str]  # sample, method
PULL = "run `dreambench data pull imagenhub`, or name your own copy with --data FOLDER"


def read_imagenhub(folder: Path | None = None) -> tuple[RatedImages, str]:
    """Return the rated images with their automatic scores, and the name of the data.

    ``folder`` contains ``*_rater*.tsv`` and ``autometrics/<method>.json``; None stands for the downloaded
    copy. An image without automatic scores, or that some rater did not rate, stays in the table with NaN.
    Raises DreambenchError naming the file, row and column that cannot be read.
    """
    place = IMAGENHUB.folder if folder is None else folder
    tables = sorted(place.glob("*_rater*.tsv")) if place.is_dir() else []
    if not tables:
        raise DreambenchError(f"{place} contains no ImagenHub ratings (no *_rater*.tsv)", PULL)
    if len(tables) < 2:
        raise DreambenchError(f"{place} contains the ratings of only one rater ({tables[0].name})", PULL)
    images, pairs = with_ratings(tables, read_scores(place / "autometrics"))
    changed = IMAGENHUB.problems(place)
    source = f"{place.resolve().name} (not the pinned)" if changed else IMAGENHUB.label
    return _rated_images(images, pairs, tuple(map(rater_name, tables))), source


def rater_name(table: Path) -> str:
    """Return a rater's name: the end of the table's file name, from ``rater`` on."""
    return "rater" + table.stem.rpartition("_rater")[2]


def with_ratings(
    tables: Sequence[Path], scores: Mapping[Key, Mapping[str, float]]
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return one row per rated image, and its ratings.

    The columns are ``sample``, ``method`` and the metrics; the ratings are (images, raters, 2), SC and PQ.
    NaN is a missing score, and the rating of a rater who did not see the image. Raises DreambenchError where
    a table cannot be read, or none has a rating.
    """
    rated = [read_ratings(table) for table in tables]
    keys = sorted(set().union(*rated))
    if not keys:
        raise DreambenchError(f"{tables[0].parent}: the raters' tables contain no rating", PULL)
    absent = (np.nan, np.nan)
    pairs = np.array([[each.get(key, absent) for each in rated] for key in keys], dtype=float)
    images = pd.DataFrame(keys, columns=["sample", "method"])
    for metric in METRICS:
        images[metric] = [scores.get(key, {}).get(metric, np.nan) for key in keys]
    return images, pairs


def read_ratings(path: Path) -> dict[Key, tuple[float, float]]:
    """Return one rater's SC and PQ by sample and method; an empty cell is not a rating."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, delimiter="\t"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DreambenchError(f"{path} cannot be read ({error})", PULL) from error
    if not rows or rows[0][:1] != ["uid"] or len(rows[0]) < 2:
        raise DreambenchError(f"{path} row 1: the header must be uid and the methods", PULL)
    found: dict[Key, tuple[float, float]] = {}
    methods = rows[0][1:]
    for number, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        if len(row) != len(rows[0]):
            raise DreambenchError(f"{path} row {number}: {len(row)} columns, not {len(rows[0])}", PULL)
        for method, cell in zip(methods, row[1:], strict=True):
            if (row[0], method) in found:
                raise DreambenchError(f"{path} row {number}: {row[0]} occurs twice", "keep one of them")
            if cell.strip():
                found[row[0], method] = _rating(cell, f"{path} row {number}, column {method}")
    return found


def _rating(cell: str, where: str) -> tuple[float, float]:
    try:
        sc, pq = (float(value) for value in json.loads(cell))
    except (ValueError, TypeError):
        sc = pq = np.nan
    if not {sc, pq} <= LEVELS:
        raise DreambenchError(
            f"{where}: {cell!r} is not a rating", "write [SC, PQ], each 0, 0.5 or 1, or leave it empty"
        )
    return sc, pq


def read_scores(folder: Path) -> dict[Key, dict[str, float]]:
    """Return the automatic scores by sample and method; null is a missing score."""
    files = sorted(folder.glob("*.json"))
    if not files:
        raise DreambenchError(f"{folder} contains no automatic scores (no <method>.json)", PULL)
    found = {}
    for path in files:
        for uid, row in read_by_sample(path, "scores by image", PULL).items():
            found[uid, path.stem] = {m: _score(row, name, path, uid) for m, name in METRICS.items()}
    return found


def read_by_sample(path: Path, what: str, remedy: str) -> dict[str, dict[str, Any]]:
    """Return the object of each sample in a JSON file. Raises DreambenchError naming the file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(uid): dict(row) for uid, row in content.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise DreambenchError(f"{path} cannot be read as {what} ({error})", remedy) from error


def _score(row: dict[str, Any], name: str, path: Path, uid: str) -> float:
    value = row.get(name)
    if value is None:
        return np.nan
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise DreambenchError(
            f"{path}, {uid}, {name}: {value!r} is not a number", "correct it, or write null"
        )
    return float(value)


def _rated_images(images: pd.DataFrame, pairs: np.ndarray, raters: tuple[str, ...]) -> RatedImages:
    sc, pq = pairs[..., 0], pairs[..., 1]
    by_human = {"sc": sc, "pq": pq, "o": np.sqrt(sc * pq)}
    for human, values in by_human.items():
        # NaN where a rater is missing. Rounded, because the order of the raters changes the last digit of a
        # sum, and images with the same ratings must tie for Spearman and Kendall.
        images[human] = values.mean(axis=1).round(TIE_DIGITS)
    unscored = images[list(METRICS)].isna().any(axis=1)
    left_out = dict(Counter("no automatic scores: " + images.loc[unscored, "method"]))
    unrated = int((images["sc"].isna() & ~unscored).sum())
    if unrated:
        left_out["not rated by every rater"] = unrated
    return RatedImages(images, tuple(METRICS), HUMANS, raters, by_human, left_out)
