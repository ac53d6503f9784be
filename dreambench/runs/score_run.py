"""The scores of a run's existing images: each subject's embeddings, and the tables of the protocols."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from dreambench.dataset import Subject
from dreambench.metrics.scoring import ScoredProtocol, SubjectImages, embed_subject, score_images
from dreambench.models.device import Runtime
from dreambench.models.weights import needed_encoders
from dreambench.progress import ProgressListener
from dreambench.runs.prepare import Prepared
from dreambench.runs.requests import scored_images
from dreambench.runs.several_protocols import images_that_count
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.registries import get_metric
from dreambench.spec.run_spec import RunSpec
from dreambench.store import RunFolder

if TYPE_CHECKING:
    from dreambench.metrics.encoders import ProtocolEncoders


def is_embedded(prepared: Prepared, subject: Subject, run_folder: RunFolder) -> bool:
    """Whether a subject's embeddings exist; missing ones are computed when the tables are made."""
    protocol = prepared.spec.protocol
    single = prepared.spec.images_per_prompt == 1  # no pair of images, no distance
    without = {"files", "pairs"} if single else {"files"}
    metrics = [name for name in protocol.metrics if get_metric(name).compares not in without]
    keys = map(protocol.encoder_key, needed_encoders(metrics))
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


def score_run(
    prepared: Prepared, run_folder: RunFolder, watch: ProgressListener, only: Collection[str] | None = None
) -> None:
    """Score all existing images of a run, and write the score tables.

    ``only`` names the subjects to score (None: all); the others' rows have no scores.
    """

    def images_of(spec: RunSpec) -> dict[str, SubjectImages]:
        found = {s.name: scored_images(spec, prepared, s, run_folder) for s in prepared.subjects}
        for name in [] if only is None else found.keys() - set(only):
            found[name] = SubjectImages(
                [replace(cell, file=None) for cell in found[name].cells], found[name].photos
            )
        return found

    write_scores(run_folder, prepared.spec, prepared.runtime, prepared.protocols, images_of, watch)


def write_scores(
    run_folder: RunFolder,
    spec: RunSpec,
    runtime: Runtime,
    protocols: Mapping[str, ProtocolSpec],
    images_of: Callable[[RunSpec], Mapping[str, SubjectImages]],
    watch: ProgressListener,
) -> None:
    """Score images with a spec's protocol and further ones, with a progress bar, and write the tables.

    ``images_of`` returns the images, whose captions depend on the protocol, by subject.
    """
    images = images_of(spec)
    others = []
    for name, protocol in list(protocols.items())[1:]:
        same = images_of(spec.evolve(protocol=protocol)).values()
        others.append(ScoredProtocol(name, protocol, [cell for own in same for cell in own.cells]))
    most = images_that_count(spec, protocols)
    watch.start("scoring", sum(own.count(most) for own in images.values()))
    score_images(
        run_folder,
        images,
        spec.protocol,
        device=str(runtime.device),
        batch_size=runtime.spec.scoring_batch_size,
        decode_threads=runtime.decode_threads(),
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
