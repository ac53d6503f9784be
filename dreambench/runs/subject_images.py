"""All images of one subject of a run: which ones they are, and who draws them, in which batches."""

from __future__ import annotations

from pathlib import Path

from dreambench.dataset import Subject
from dreambench.methods.method import Personalized
from dreambench.models.sampling import generate
from dreambench.progress import ProgressListener
from dreambench.runs.prepare import Prepared
from dreambench.runs.requests import drift_requests, expected_cells, image_requests, prior_requests
from dreambench.store import RunFolder


def images_bar(subject: Subject) -> str:
    """Return the name of the bar of a subject's images."""
    return f"{subject.name}: images"


def image_files(prepared: Prepared, subject: Subject, run_folder: RunFolder) -> list[Path]:
    """Return where all images of a subject belong: its cells, those of PRES and both models' for drift."""
    spec = prepared.spec
    cells = expected_cells(spec, subject, prepared.words(subject), run_folder)
    drift = [r for base in (False, True) for r in drift_requests(spec, subject, run_folder, base)]
    requests = [*image_requests(cells), *prior_requests(spec, subject, run_folder), *drift]
    return [request.file for request in requests]


def draw_subject(
    prepared: Prepared,
    subject: Subject,
    run_folder: RunFolder,
    personalized: Personalized,
    watch: ProgressListener,
) -> int:
    """Draw what is missing of a subject's images by its personalized model; return how many were drawn.

    Drift's images are in batches of their own, cut as the base model's are: an image's bits may depend on
    what it is drawn with, and only the model may differ.
    """
    spec = prepared.spec
    cells = expected_cells(spec, subject, prepared.words(subject), run_folder)
    own = [*image_requests(cells), *prior_requests(spec, subject, run_folder)]
    drift = drift_requests(spec, subject, run_folder)
    bar = images_bar(subject)
    watch.start(bar, len(own) + len(drift))
    made = 0
    for requests in (own, drift):
        made += generate(
            personalized.pipeline,
            requests,
            spec.sampler,
            spec.image_size,
            prepared.runtime,
            run_folder.commit_images,
            lambda count: watch.advance(bar, count),
            personalized.told,
        )
    watch.finish(bar)
    return made


def draw_base_images(
    prepared: Prepared, subject: Subject, run_folder: RunFolder, watch: ProgressListener
) -> int:
    """Draw what is missing of drift's images by the untouched base model; return how many were drawn.

    To be called before the subject's own model is in memory. They are drawn for every subject, on the machine
    that trains it: another device, precision or batch would be a difference that is not the model's.
    """
    requests = drift_requests(prepared.spec, subject, run_folder, base=True)
    if all(request.file.exists() for request in requests):
        return 0
    bar = f"{subject.name}: base model's images"
    watch.start(bar, len(requests))
    made = generate(
        prepared.base.pipeline(),
        requests,
        prepared.spec.sampler,
        prepared.spec.image_size,
        prepared.runtime,
        run_folder.commit_images,
        lambda count: watch.advance(bar, count),
    )
    watch.finish(bar)
    return made
