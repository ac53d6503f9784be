"""The scores of a run's existing images: the tables of its protocols."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dreambench.metrics.scoring import BenchmarkImage, DriftPair, ScoredProtocol, score_images
from dreambench.models.device import Runtime
from dreambench.progress import ProgressListener
from dreambench.runs.prepare import Prepared
from dreambench.runs.requests import (
    count_files,
    drift_pairs,
    expected_cells,
    photo_files,
    present,
    prior_requests,
)
from dreambench.runs.several_protocols import further_protocols, images_that_count
from dreambench.spec.run_spec import RunSpec
from dreambench.store import RunFolder


def score_run(
    prepared: Prepared, run_folder: RunFolder, watch: ProgressListener, only: Collection[str] | None = None
) -> None:
    """Score all existing images of a run, and write the score tables.

    ``only`` names the subjects to score (None: all); the others' rows have no scores.
    """
    spec, runtime = prepared.spec, prepared.runtime
    looked_at = [s for s in prepared.subjects if only is None or s.name in only]

    def cells_of(asked: RunSpec) -> list[BenchmarkImage]:
        return [
            present(cell) if subject in looked_at else replace(cell, file=None)
            for subject in prepared.subjects
            for cell in expected_cells(asked, subject, prepared.words(subject), run_folder)
        ]

    priors = {
        s.name: {r.image_index: r.file for r in prior_requests(spec, s, run_folder) if r.file.exists()}
        for s in looked_at
    }
    drift = {
        s.name: [p for p in drift_pairs(spec, s, run_folder) if all(image.file.exists() for image in p)]
        for s in looked_at
    }
    others = further_protocols(spec, prepared.protocols, cells_of)
    photos = photo_files(prepared.subjects)
    write_scores(run_folder, spec, runtime, cells_of(spec), priors, photos, watch, others, drift)


def write_scores(
    run_folder: RunFolder,
    spec: RunSpec,
    runtime: Runtime,
    cells: Sequence[BenchmarkImage],
    priors: Mapping[str, Mapping[int, Path]],
    photos: Mapping[str, Sequence[Path]],
    watch: ProgressListener,
    others: Sequence[ScoredProtocol] = (),
    drift: Mapping[str, Sequence[DriftPair]] | None = None,
) -> None:
    """Score images with a spec's protocol and further ones, with a progress bar, and write the tables."""
    most = images_that_count(spec, {each.name: each.protocol for each in others})
    looked_at = [cell for cell in cells if cell.image_index < most]
    watch.start("scoring", count_files(looked_at, priors, photos, drift or {}))
    score_images(
        run_folder,
        cells,
        priors,
        photos,
        spec.protocol,
        device=str(runtime.device),
        batch_size=runtime.spec.scoring_batch_size,
        decode_threads=runtime.decode_threads(),
        drift=drift,
        others=others,
        shown=spec.photos_seen(),
        note=watch.say,
        on_image=lambda count: watch.advance("scoring", count),
    )
    watch.finish("scoring")
    say_notices(run_folder, watch)


def say_notices(run_folder: RunFolder, watch: ProgressListener) -> None:
    """Print the run folder's notices, each once."""
    while run_folder.notices:
        watch.say(run_folder.notices.pop(0))
