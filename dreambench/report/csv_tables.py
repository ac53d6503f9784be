"""The tables for other programs, CSV and Parquet: full precision, an empty field where there is no number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from dreambench.analysis import RunScores, Summary
from dreambench.analysis.aggregate import photo_metrics
from dreambench.analysis.run_scores import all_metrics
from dreambench.report.run_facts import without_folders
from dreambench.report.table import to_csv
from dreambench.spec.registries import in_table_order
from dreambench.store.files import write_atomically, write_text

CSV, PARQUET = "images.csv", "images.parquet"


def rows_csv(summary: Summary) -> str:
    """Return the headline rows: per metric the mean, both ends of the 95% interval, the paper's number."""
    head = ["method", "n_images"]
    metrics = in_table_order(name for row in summary.rows for name in row.model_extra or {})
    for metric in metrics:
        head += [metric, f"{metric}_low", f"{metric}_high", f"{metric}_paper"]
    rows: list[list[object]] = []
    for row in summary.rows:
        fields: list[object] = [row.method, row.n_images]
        for metric in metrics:
            score = row.score(metric)
            low, high = (score.ci95 if score else None) or (None, None)
            fields += [score and score.mean, low, high, score and score.paper]
        rows.append(fields)
    return to_csv(head, rows)


def subjects_csv(scored: Iterable[RunScores]) -> str:
    """Return one line per run and subject: its scores, its photos' bound, its counts of images."""
    scored = list(scored)
    metrics = list(all_metrics(scored))
    bounds = photo_metrics(metrics)
    frames = {}
    for run in scored:
        names, counts = run.record.subjects, run.coverage
        known = pd.DataFrame({"class_noun": names, "n_images": counts.scored, "unscored": counts.expected})
        known["unscored"] -= known["n_images"]
        bound = run.photos.reindex(columns=bounds).add_prefix("real_")
        frames[run.label] = pd.concat([known, run.subjects.reindex(columns=metrics), bound], axis=1)
    table = pd.concat(frames, names=["run", "subject"])
    return table.to_csv(lineterminator="\n")


def image_scores(scored: Sequence[RunScores]) -> pd.DataFrame:
    """Return one row per requested image, with the run's name first.

    Columns: run, subject, prompt_index, image_index, class_noun, category, prompt, kind, seed, file
    (relative to its run's folder; missing where the image is), dino, clip_i, clip_t (missing where
    there is no score).
    """
    frames = [run.tables.images.assign(run=run.label) for run in scored]
    table = pd.concat(frames, ignore_index=True)
    table["file"] = table["file"].map(lambda file: None if pd.isna(file) else without_folders(str(file)))
    table["seed"] = pd.to_numeric(table["seed"], errors="coerce").astype("Int64")
    return table[["run", *(column for column in table.columns if column != "run")]]


def write_image_scores(scored: Sequence[RunScores], out: Path) -> None:
    """Write the table as ``images.csv`` and ``images.parquet`` below ``out``."""
    table = image_scores(scored)
    write_text(out / CSV, table.to_csv(index=False, lineterminator="\n"))
    write_atomically(out / PARQUET, lambda path: table.to_parquet(path, index=False))
