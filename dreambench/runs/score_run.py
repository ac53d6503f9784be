"""The scores of a run's existing images: the tables of its protocols."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from dreambench.metrics.scoring import ScoredProtocol, SubjectImages, score_images
from dreambench.models.device import Runtime
from dreambench.progress import ProgressListener
from dreambench.runs.prepare import Prepared
from dreambench.runs.requests import scored_images
from dreambench.runs.several_protocols import images_that_count
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.run_spec import RunSpec
from dreambench.store import RunFolder


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
        same = images_of(spec.model_copy(update={"protocol": protocol})).values()
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
