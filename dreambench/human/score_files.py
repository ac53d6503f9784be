"""Scores per image from runs and files, looked up by the method and the file of an image."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from dreambench.analysis.coverage import protocol_differences, signature_of
from dreambench.analysis.score_tables import image_metrics, read_tables
from dreambench.errors import DreambenchError
from dreambench.spec.registries import METRICS
from dreambench.store import open_run

REMEDY = "give a run's folder, its scores/images.parquet, or a CSV file with the columns file,dino,clip_i"
ByMetric = dict[str, float]
#: What pandas would turn into numbers although it is none: truths, dates and durations.
_COUNTABLE = frozenset({"boolean", "date", "datetime", "datetime64", "timedelta", "timedelta64"})
_FORM: dict[str, Any] = {"encoding": "utf-8-sig", "skipinitialspace": True}


@dataclass(frozen=True)
class _Table:
    """One table of scores; ``names`` are those of its run, empty for a file that belongs to no run."""

    path: Path
    frame: pd.DataFrame
    names: frozenset[str]
    signature: str | None


class ImageScores:
    """Scores of images; ``metrics`` are those that every table has."""

    def __init__(self, metrics: tuple[str, ...], rows: dict[tuple[str | None, str], ByMetric]) -> None:
        self.metrics = metrics
        self._rows = rows

    def find(self, method: str, file: str) -> ByMetric | None:
        """Return an image's scores (NaN for a missing one), or None for an image that is in no table.

        The table of a run counts for that run only, because files of different runs have the same names.
        """
        place = _place(file)
        return self._rows.get((method, place)) or self._rows.get((None, place))


def read_image_scores(paths: Sequence[Path]) -> ImageScores:
    """Read one or several tables of scores.

    A path is a run's folder, a run's ``images.parquet``, or any Parquet or CSV file with a column
    ``file`` and one per metric, and, to tell several methods apart, ``method``. Raises DreambenchError
    naming the file and what is wrong, or the fields in which the protocols of two runs differ.
    """
    tables = [_read(path) for path in paths]
    _refuse_other_protocols(tables)
    known = image_metrics(METRICS.names())
    frames = [table.frame for table in tables]
    metrics = tuple(m for m in known if all(m in frame and frame[m].notna().any() for frame in frames))
    if not metrics:
        raise DreambenchError(f"{paths[0]}: no metric has a score in every table", REMEDY)
    rows: dict[tuple[str | None, str], ByMetric] = {}
    origins: dict[tuple[str | None, str], Path] = {}
    for table in tables:
        for number, row in enumerate(table.frame.to_dict(orient="records"), start=2):
            if pd.isna(row["file"]):
                continue  # an image that was never made cannot have been voted on
            names = table.names or {None if pd.isna(row.get("method")) else str(row["method"])}
            for key in [(name, _place(str(row["file"]))) for name in names]:
                if key in rows:
                    twice = f"{table.path} row {number}: {row['file']} already has scores"
                    raise DreambenchError(
                        f"{twice} (from {origins[key]})",
                        "give each run once; tell methods of one file apart by a column `method`",
                    )
                origins[key] = table.path
                rows[key] = {metric: float(row[metric]) for metric in metrics}
    return ImageScores(metrics, rows)


def _place(file: str) -> str:
    return str(PurePosixPath(file.strip().replace("\\", "/")))


def _read(path: Path) -> _Table:
    folder = path if path.is_dir() else path.parent.parent
    if path.is_dir() or (path.name == "images.parquet" and (folder / "run.json").is_file()):
        run = open_run(folder)
        images = read_tables(run).images
        names = frozenset({run.record.name, folder.resolve().name})
        return _Table(path, images, names, signature_of(images, run.record))
    if not path.is_file():
        raise DreambenchError(f"{path} does not exist", REMEDY)
    try:
        if path.suffix.lower() == ".parquet":
            frame = pd.read_parquet(path)
        else:
            _refuse_other_shapes(path)
            frame = pd.read_csv(path, dtype=str, **_FORM)
    except (OSError, ValueError, csv.Error) as error:  # pandas' and pyarrow's errors are ValueErrors
        raise DreambenchError(f"{path} cannot be read as a table ({error})", REMEDY) from error
    return _Table(path, _checked(path, frame), frozenset(), None)


def _refuse_other_shapes(path: Path) -> None:
    """Refuse what pandas would mend without a word: a column twice, and a line of another length."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, skipinitialspace=True)
        header = next(reader, [])
        if twice := [name for name in header if name and header.count(name) > 1]:
            message = f"{path} row 1: the column {twice[0]!r} appears twice"
            raise DreambenchError(message, "remove one of them")
        rows = (row for row in reader if len(row) > 1 or "".join(row).strip())  # without empty lines
        for number, row in enumerate(rows, start=2):
            if len(row) != len(header):
                raise DreambenchError(f"{path} row {number}: {len(row)} columns, not {len(header)}", REMEDY)


def _checked(path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its metrics as numbers. Raises DreambenchError naming row and column."""
    if "file" not in frame:
        raise DreambenchError(f"{path} row 1: no column file", REMEDY)
    known = image_metrics(METRICS.names())
    present = [metric for metric in known if metric in frame]
    if not present:
        raise DreambenchError(f"{path} row 1: none of the columns {', '.join(known)}", REMEDY)
    checked = frame.copy()
    for metric in present:
        kind = pd.api.types.infer_dtype(frame[metric], skipna=True)
        if kind in _COUNTABLE:
            raise DreambenchError(f"{path}, column {metric}: {kind} values are not scores", REMEDY)
        numbers = pd.to_numeric(frame[metric], errors="coerce").astype(float)
        wrong = np.flatnonzero(~np.isfinite(numbers.to_numpy()) & frame[metric].notna().to_numpy())
        if len(wrong):
            cell = frame[metric].iloc[wrong[0]]
            raise DreambenchError(
                f"{path} row {wrong[0] + 2}, column {metric}: {cell!r} is not a number", "leave a gap empty"
            )
        checked[metric] = numbers
    return checked


def _refuse_other_protocols(tables: Sequence[_Table]) -> None:
    """Refuse scores of two protocols; which images were scored may differ."""
    signed = [(table.path, table.signature) for table in tables if table.signature]
    for (path, one), (other_path, other) in pairwise(signed):
        # LPIPS compares pairs of images, and these tables have one row per image: its size does not matter.
        differences = [field for field in protocol_differences(one, other) if not field.startswith("lpips:")]
        if differences:
            raise DreambenchError(
                f"the signatures of {path} and {other_path} differ: {'; '.join(differences)}",
                "score them by one protocol",
            )
