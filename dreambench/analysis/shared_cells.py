"""Runs of one protocol with different images: compared on the cells that all of them scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from dreambench.analysis.coverage import Cell, Coverage, protocol_differences, scored_cells
from dreambench.analysis.run_scores import RunScores, read_run_scores
from dreambench.analysis.score_tables import ScoreTables
from dreambench.spec.signature import signature_differences
from dreambench.store import RunFolder


def read_comparable_scores(runs: Sequence[RunFolder]) -> list[RunScores]:
    """Read runs' scores; if they differ only in their cells, keep the cells that all of them scored.

    Each run then has a notice that says so. Runs that share no image, or differ in more, are returned
    unchanged: comparing them is refused later.
    """
    scored = read_run_scores(runs)
    first, *others = (run.signature for run in scored)
    same = not any(signature_differences(first, other) for other in others)
    if same or any(protocol_differences(first, other) for other in others):
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
    images, subjects = run.tables.images, {cell[0] for cell in shared}
    cells = pd.MultiIndex.from_frame(images[["subject", "prompt_index", "image_index"]])
    tables = ScoreTables(
        images=images[cells.isin(list(shared))].reset_index(drop=True),
        diversity=_pairs_of(run.tables.diversity, shared),
        prior=_of(run.tables.prior, subjects),
        photos=_of(run.tables.photos, subjects),
        drift=_of(run.tables.drift, subjects),
    )
    counts = {name: sum(cell[0] == name for cell in shared) for name in run.record.subjects}
    return replace(RunScores.of(run.label, run.folder, tables), coverage=Coverage(counts, counts))


def _of(frame: pd.DataFrame, subjects: set[str]) -> pd.DataFrame:
    return frame[frame["subject"].isin(subjects)].reset_index(drop=True)


def _pairs_of(pairs: pd.DataFrame, shared: set[Cell]) -> pd.DataFrame:
    kept = [
        all((str(subject), int(prompt), int(image)) in shared for image in str(pair).split("-"))
        for subject, prompt, pair in zip(pairs["subject"], pairs["prompt_index"], pairs["pair"], strict=True)
    ]
    return pairs.loc[kept].reset_index(drop=True)
