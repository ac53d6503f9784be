"""The scores of every image as one table, for other programs: CSV and Parquet, full precision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from dreambench.analysis import RunScores
from dreambench.store.files import write_atomically, write_text

CSV, PARQUET = "images.csv", "images.parquet"


def image_scores(scored: Sequence[RunScores]) -> pd.DataFrame:
    """Return one row per image asked for, with the run's name first.

    Columns: run, subject, prompt_index, image_index, class_noun, category, prompt, kind, seed, file
    (relative to its run's folder; missing where the image is), dino, clip_i, clip_t (missing where
    there is no score).
    """
    frames = [run.tables.images.assign(run=run.label) for run in scored]
    table = pd.concat(frames, ignore_index=True)
    # A file that lies outside of its run has a path that means nothing on another machine.
    table["file"] = table["file"].map(lambda file: None if pd.isna(file) else _without_folders(str(file)))
    table["seed"] = pd.to_numeric(table["seed"], errors="coerce").astype("Int64")
    return table[["run", *(column for column in table.columns if column != "run")]]


def write_image_scores(scored: Sequence[RunScores], out: Path) -> None:
    """Write the table as ``images.csv`` and ``images.parquet`` below ``out``."""
    table = image_scores(scored)
    write_text(out / CSV, table.to_csv(index=False, lineterminator="\n"))
    write_atomically(out / PARQUET, lambda path: table.to_parquet(path, index=False))


def _without_folders(file: str) -> str:
    return Path(file).name if Path(file).is_absolute() else file
