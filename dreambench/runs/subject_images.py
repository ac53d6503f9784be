"""All images of one subject of a run: which ones they are, and who draws them, in which batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dreambench.dataset import Subject
from dreambench.dataset.image_request import ImageRequest
from dreambench.methods.method import Personalized
from dreambench.models.sampling import generate
from dreambench.progress import ProgressListener
from dreambench.runs.prepare import Prepared
from dreambench.runs.requests import drift_pairs, expected_cells, image_requests, prior_requests
from dreambench.store import RunFolder
from dreambench.store.files import commit_images


def images_bar(subject: Subject) -> str:
    """Return the name of the bar of a subject's images."""
    return f"{subject.name}: images"


def _own_requests(prepared: Prepared, subject: Subject, run_folder: RunFolder) -> list[ImageRequest]:
    """Return the images of the benchmark and of PRES."""
    cells = expected_cells(prepared.spec, subject, prepared.words(subject), run_folder)
    return [*image_requests(cells), *prior_requests(prepared.spec, subject, run_folder)]


def image_files(prepared: Prepared, subject: Subject, run_folder: RunFolder) -> list[Path]:
    """Return where all images of a subject belong: its cells, those of PRES and both models' for drift."""
    pairs = drift_pairs(prepared.spec, subject, run_folder)
    drift = [*(own for own, _ in pairs), *(base for _, base in pairs)]
    return [request.file for request in [*_own_requests(prepared, subject, run_folder), *drift]]


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
    own = _own_requests(prepared, subject, run_folder)
    drift = [own for own, _ in drift_pairs(prepared.spec, subject, run_folder)]
    return draw_images(
        prepared, personalized.pipeline, [own, drift], images_bar(subject), watch, personalized.call_arguments
    )


def draw_base_images(
    prepared: Prepared, subject: Subject, run_folder: RunFolder, watch: ProgressListener
) -> int:
    """Draw what is missing of drift's images by the untouched base model; return how many were drawn.

    To be called before the subject's own model is in memory. They are drawn for every subject, on the machine
    that trains it: another device, precision or batch would be a difference that is not the model's.
    """
    requests = [base for _, base in drift_pairs(prepared.spec, subject, run_folder)]
    if all(request.file.exists() for request in requests):
        return 0
    bar = f"{subject.name}: base model's images"
    return draw_images(prepared, prepared.base.pipeline(), [requests], bar, watch)


def draw_images(
    prepared: Prepared,
    pipeline: Any,
    lists: Sequence[Sequence[ImageRequest]],
    bar: str,
    watch: ProgressListener,
    call_arguments: Mapping[str, Any] | None = None,
) -> int:
    """Draw the missing images of some lists, each in batches of its own; return how many were drawn."""
    watch.start(bar, sum(map(len, lists)))
    made = 0
    for requests in lists:
        made += generate(
            pipeline,
            requests,
            prepared.spec.sampler,
            prepared.spec.image_size,
            prepared.runtime,
            commit_images,
            lambda count: watch.advance(bar, count),
            call_arguments,
        )
    watch.finish(bar)
    return made
