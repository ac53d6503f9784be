"""Runs of one protocol with different images: compared on the cells that all of them scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from dreambench.analysis.aggregate import photo_scores, subject_scores
from dreambench.analysis.coverage import Cell, Coverage, scored_cells, signature_of
from dreambench.analysis.run_scores import RunScores, read_run_scores
from dreambench.analysis.score_tables import ScoreTables
from dreambench.spec.signature import signature_differences
from dreambench.store import RunFolder

_CELLS = {"cells", "n"}


def read_comparable_scores(runs: Sequence[RunFolder]) -> list[RunScores]:
    """Read runs' scores; if they differ only in their cells, keep the cells that all of them scored.

    Each run then has a notice that says so. Runs that share no image, or differ in more, are returned
    unchanged: comparing them is refused later.
    """
    scored = read_run_scores(runs)
    fields = {
        difference.partition(":")[0]
        for other in scored[1:]
        for difference in signature_differences(scored[0].signature, other.signature)
    }
    if not fields or fields - _CELLS:
        return scored
    shared = set.intersection(*(scored_cells(run.tables.images, run.record) for run in scored))
    if not shared:
        return scored
    for run in scored:
        total = run.coverage.n_images
        if total > len(shared):
            run.folder.notices.append(
                f"{run.label}: {len(shared):,} of its {total:,} images are compared: those that all runs have"
            )
    return [_restricted(run, shared) for run in scored]


def _restricted(run: RunScores, shared: set[Cell]) -> RunScores:
    images = run.tables.images
    keys = zip(images["subject"], images["prompt_index"], images["image_index"], strict=True)
    images = images.loc[[(str(s), int(p), int(i)) in shared for s, p, i in keys]].reset_index(drop=True)
    subjects = {cell[0] for cell in shared}
    tables = ScoreTables(
        images=images,
        diversity=_pairs_of(run.tables.diversity, shared),
        prior=_of(run.tables.prior, subjects),
        photos=_of(run.tables.photos, subjects),
        drift=_of(run.tables.drift, subjects),
    )
    metrics, names = run.record.spec.protocol.metrics, run.record.subjects
    counts = {name: sum(cell[0] == name for cell in shared) for name in names}
    return replace(
        run,
        tables=tables,
        subjects=subject_scores(tables, metrics, names),
        photos=photo_scores(tables, metrics, names),
        coverage=Coverage(expected=counts, scored=counts),
        signature=signature_of(images, run.record),
    )


def _of(frame: pd.DataFrame, subjects: set[str]) -> pd.DataFrame:
    return frame[frame["subject"].isin(subjects)].reset_index(drop=True)


def _pairs_of(pairs: pd.DataFrame, shared: set[Cell]) -> pd.DataFrame:
    kept = [
        all((str(subject), int(prompt), int(image)) in shared for image in str(pair).split("-"))
        for subject, prompt, pair in zip(pairs["subject"], pairs["prompt_index"], pairs["pair"], strict=True)
    ]
    return pairs.loc[kept].reset_index(drop=True)
