"""One run's scores, read once: its tables, its scores per subject, its coverage, its signature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from dreambench.analysis.aggregate import image_counts, photo_scores, subject_scores
from dreambench.analysis.coverage import (
    Cell,
    Coverage,
    coverage,
    protocol_differences,
    scored_cells,
    signature_of,
)
from dreambench.analysis.score_tables import ScoreTables, read_tables
from dreambench.errors import DreambenchError
from dreambench.spec.registries import in_table_order
from dreambench.spec.signature import signature_differences
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

    @property
    def pairs(self) -> dict[str, tuple[str, str]]:
        """The two subjects of each pair, by its name, if the images show two; else empty."""
        return self.record.spec.protocol.named_pairs()

    def weights(self, metric: str) -> pd.Series | None:
        """Return each subject's weight in the mean that the tables print; None where all have the same.

        A protocol that averages over images counts a subject by its images.
        """
        by_images = self.record.spec.protocol.averaging == "images"
        return image_counts(self.tables.images, metric) if by_images else None


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


def read_comparable_scores(runs: Sequence[RunFolder]) -> list[RunScores]:
    """Read runs' scores; if they differ only in their cells, keep the cells that all of them scored.

    Each run then has a notice that says so. Runs that share no image, or differ in more, are returned
    unchanged: comparing them is refused later.
    """
    scored = read_run_scores(runs)
    compared = on_shared_cells(scored)
    for run, kept in zip(scored, compared, strict=True):
        total, count = run.coverage.n_images, kept.coverage.n_images
        if total > count:
            run.folder.notices.append(
                f"{run.label}: {count:,} of its {total:,} images are compared: those that all runs have"
            )
    return compared


def on_shared_cells(scored: list[RunScores]) -> list[RunScores]:
    """Return runs that differ only in their cells with those that all of them scored, if there are any."""
    first, *others = (run.signature for run in scored)
    same = not any(signature_differences(first, other) for other in others)
    if same or any(protocol_differences(first, other) for other in others):
        return scored
    shared = set.intersection(*(scored_cells(run.tables.images, run.record) for run in scored))
    return [_restricted(run, shared) for run in scored] if shared else scored


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


def _restricted(run: RunScores, shared: set[Cell]) -> RunScores:
    images, subjects = run.tables.images, {cell[0] for cell in shared}
    cells = pd.MultiIndex.from_frame(images[["subject", "prompt_index", "image_index"]])
    tables = ScoreTables(
        images=images[cells.isin(list(shared))].reset_index(drop=True),
        diversity=_pairs_of(run.tables.diversity, shared),
        prior=_of_subjects(run.tables.prior, subjects),
        photos=_of_subjects(run.tables.photos, subjects),
        drift=_of_subjects(run.tables.drift, subjects),
    )
    counts = {name: sum(cell[0] == name for cell in shared) for name in run.record.subjects}
    return replace(RunScores.of(run.label, run.folder, tables), coverage=Coverage(counts, counts))


def _of_subjects(frame: pd.DataFrame, subjects: set[str]) -> pd.DataFrame:
    return frame[frame["subject"].isin(subjects)].reset_index(drop=True)


def _pairs_of(pairs: pd.DataFrame, shared: set[Cell]) -> pd.DataFrame:
    kept = [
        all((str(subject), int(prompt), int(image)) in shared for image in str(pair).split("-"))
        for subject, prompt, pair in zip(pairs["subject"], pairs["prompt_index"], pairs["pair"], strict=True)
    ]
    return pairs.loc[kept].reset_index(drop=True)
