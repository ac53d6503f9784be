"""One run's scores, read once: its tables, its scores per subject, its coverage, its signature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from dreambench.analysis.aggregate import photo_scores, subject_scores
from dreambench.analysis.coverage import Coverage, coverage, signature_of
from dreambench.analysis.score_tables import ScoreTables, read_tables
from dreambench.errors import DreambenchError
from dreambench.spec.registries import in_table_order
from dreambench.store import RunFolder, RunRecord


@dataclass(frozen=True)
class RunScores:
    """A run with everything that the analysis needs.

    ``label`` is its name in tables, unique among the runs read together. ``subjects`` has one row per
    subject and one column per metric; ``photos`` the same for the Real Images bound.
    """

    label: str
    folder: RunFolder
    tables: ScoreTables
    subjects: pd.DataFrame
    photos: pd.DataFrame
    coverage: Coverage
    signature: str

    @classmethod
    def of(cls, label: str, folder: RunFolder, tables: ScoreTables) -> RunScores:
        """Return what follows from a run's score tables, or from a part of their rows."""
        record = folder.record
        metrics = record.spec.protocol.metrics
        return cls(
            label=label,
            folder=folder,
            tables=tables,
            subjects=subject_scores(tables, metrics, record.subjects),
            photos=photo_scores(tables, metrics, record.subjects),
            coverage=coverage(tables.images, record),
            signature=signature_of(tables.images, record),
        )

    @property
    def record(self) -> RunRecord:
        """The run's log."""
        return self.folder.record


def read_run_scores(runs: Sequence[RunFolder]) -> list[RunScores]:
    """Read the score tables of one or several runs. Raises DreambenchError for none, or one given twice."""
    if not runs:
        raise DreambenchError("no run given", "name a run folder")
    places = [run.path.resolve() for run in runs]
    for position, place in enumerate(places):
        if place in places[:position]:
            raise DreambenchError(f"{runs[position].path} is given twice", "name each run once")
    named = zip(_labels(runs), runs, strict=True)
    return [RunScores.of(label, run, read_tables(run)) for label, run in named]


def protocol_scores(run: RunScores, protocol: str) -> RunScores:
    """Return a run's scores by one of the protocols in its log."""
    folder = run.folder.of_protocol(protocol)
    return RunScores.of(run.label, folder, read_tables(folder))


def all_metrics(scored: Sequence[RunScores]) -> tuple[str, ...]:
    """Return the metrics with a column in any of the runs' tables, in table order."""
    return in_table_order(str(name) for run in scored for name in run.subjects.columns)


def shown_metrics(scored: Sequence[RunScores]) -> tuple[str, ...]:
    """Return the metrics that any subject of any run has a score by, in table order."""
    found = [run.subjects.columns[run.subjects.notna().any()] for run in scored]
    return in_table_order(str(name) for columns in found for name in columns)


def _labels(runs: Sequence[RunFolder]) -> list[str]:
    """Return the runs' names; runs with the same name also get their folder's name, then a number.

    Of several runs with default names, the hash is left out where the rest tells them apart.
    """
    names = [run.record.name for run in runs]
    short = [run.record.name.replace(f"-{run.record.spec.images_key[:8]}", "") for run in runs]
    if len(runs) > 1 and len(set(short)) == len(short):
        names = short
    labels: list[str] = []
    for run, name in zip(runs, names, strict=True):
        label = name if names.count(name) == 1 else f"{name} ({run.path.resolve().name})"
        number = 2
        while label in labels:
            label, number = f"{name} ({number})", number + 1
        labels.append(label)
    return labels
