"""Scoring other people's images by the same protocol, into the same kind of folder as a run."""

from __future__ import annotations

from pathlib import Path

from dreambench.errors import DreambenchError
from dreambench.metrics.scoring import score_images
from dreambench.models.device import resolve_runtime
from dreambench.models.weights import with_fingerprints
from dreambench.progress import Reporter
from dreambench.runs.requests import count_files, photo_files
from dreambench.runs.resolve import chosen_subjects, resolve_data
from dreambench.runs.submission import fill_cells, read_folder, read_manifest
from dreambench.spec.run_spec import RunSpec
from dreambench.store import RunFolder, RunRecord, locked_run
from dreambench.store.record import git_commit, installed_versions, machine


def score_submission(
    spec: RunSpec, images: Path | None, manifest: Path | None, out: Path | None, reporter: Reporter
) -> tuple[RunFolder, list[str]]:
    """Score a folder or a CSV file of images; return the folder of scores, and the missing cells' names.

    Exactly one of ``images`` and ``manifest`` is given. Raises DreambenchError naming what is wrong.
    """
    if (images is None) == (manifest is None):
        raise DreambenchError(
            "give either --images FOLDER or --manifest FILE.csv", "see `dreambench score --help`"
        )
    spec, dataset = resolve_data(spec)
    runtime = resolve_runtime(spec.runtime)
    spec = spec.model_copy(update={"protocol": with_fingerprints(spec.protocol)})
    subjects = chosen_subjects(spec, dataset)
    source = (images or manifest or Path()).resolve()
    if images is not None:
        found = read_folder(images, [s.name for s in dataset.subjects])
    else:
        assert manifest is not None
        found = read_manifest(manifest, {s.name: s for s in dataset.subjects})
    name = source.parent.name if source.name == "images" else source.stem
    photos = photo_files(subjects)
    record = RunRecord(
        kind="score",
        name=name,
        key=spec.key,
        spec=spec,
        subjects={s.name: s.class_noun for s in subjects},
        photos={k: [str(p.resolve()) for p in v] for k, v in photos.items()},
        source=str(source),
        versions=installed_versions(),
        git_commit=git_commit(),
        machine=machine(runtime.describe()),
    )
    folder = out or Path("results") / f"score-{name}-{spec.images_key[:8]}"
    cells, priors = fill_cells(found, spec, dataset, RunFolder(folder, record))
    with locked_run(folder, record) as run:
        reporter.start("scoring", count_files(cells, priors, photos))
        score_images(
            run,
            cells,
            priors,
            photos,
            spec.protocol,
            device=str(runtime.device),
            batch_size=runtime.spec.scoring_batch_size,
            decode_threads=runtime.spec.decode_threads,
            on_image=lambda count: reporter.advance("scoring", count),
        )
        missing = [f"{c.subject}/{c.prompt_index:02d}-{c.image_index}" for c in cells if c.file is None]
        run.save_record("partial" if missing else "complete")
    return run, missing
