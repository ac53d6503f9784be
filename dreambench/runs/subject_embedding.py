"""Embedding one subject's images, prior images and photos."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from dreambench.dataset import Subject
from dreambench.metrics.scoring import embed_subject
from dreambench.models.weights import needed_encoders
from dreambench.progress import ProgressListener
from dreambench.runs.prepare import Prepared
from dreambench.runs.requests import scored_images
from dreambench.spec.encoder_key import encoder_key
from dreambench.spec.registries import get_metric
from dreambench.store import RunFolder

if TYPE_CHECKING:
    from dreambench.metrics.encoders import ProtocolEncoders


def is_embedded(prepared: Prepared, subject: Subject, run_folder: RunFolder) -> bool:
    """Whether a subject's embeddings exist; missing ones are computed when the tables are made."""
    protocol = prepared.spec.protocol
    single = prepared.spec.images_per_prompt == 1  # no pair of images, no distance
    without = {"files", "pairs"} if single else {"files"}
    metrics = [name for name in protocol.metrics if get_metric(name).compares not in without]
    keys = [encoder_key(name, protocol.encoder_spec(name)) for name in needed_encoders(metrics)]
    return all(run_folder.embedding_file(key, subject.name).exists() for key in keys)


def scoring_bar(subject: Subject) -> str:
    """Return the name of the progress bar for embedding a subject's images."""
    return f"{subject.name}: scoring"


def embed_images(
    prepared: Prepared,
    subject: Subject,
    run_folder: RunFolder,
    encoders: ProtocolEncoders,
    watch: ProgressListener,
) -> None:
    """Embed those of a subject's images, prior images and photos that are not embedded yet.

    The subject's note then says how long it took.
    """
    bar, runtime = scoring_bar(subject), prepared.runtime
    images = scored_images(prepared.spec, prepared, subject, run_folder)
    watch.start(bar, images.count(prepared.spec.images_per_prompt))
    began = time.monotonic()
    with ThreadPoolExecutor(runtime.decode_threads()) as pool:
        embed_subject(
            run_folder,
            subject.name,
            images,
            encoders,
            pool,
            batch_size=runtime.spec.scoring_batch_size,
            on_image=lambda count: watch.advance(bar, count),
        )
    watch.finish(bar)
    note = run_folder.subject_note(subject.name)
    if note is not None and "seconds_scoring" not in note:
        seconds = round(time.monotonic() - began, 3)
        run_folder.save_subject(subject.name, {**note, "seconds_scoring": seconds})
