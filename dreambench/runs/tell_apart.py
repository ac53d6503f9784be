"""A test of metrics without raters: do they tell a subject's photos from those of others of its class?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import comb
from typing import Unpack

import numpy as np

from dreambench.analysis.identity_areas import identity_areas
from dreambench.analysis.paired import LEAST, mean_interval
from dreambench.dataset import Subject, read_image
from dreambench.errors import DreambenchError
from dreambench.progress import ProgressListener, reporting
from dreambench.runs.asked import PAPER_PRESET, Asked, asked_spec
from dreambench.spec.frozen import Frozen
from dreambench.spec.process import process_kept, quiet_libraries
from dreambench.spec.registries import get_metric
from dreambench.spec.signature import format_signature, signature_fields

BAR = "photos"


class ToldApart(Frozen):
    """How well one metric tells subjects of a class apart, from 0.5 (chance) to 1.

    ``auc`` is the chance that two photos of a subject are more alike than one of them and one of another
    subject of its class (``identity_areas``): the mean over a class's subjects, then over classes. ``ci95``
    is over classes, None with fewer than 4.
    """

    metric: str
    auc: float
    ci95: tuple[float, float] | None
    classes: dict[str, float]


class TellingApart(Frozen):
    """Every metric's result on one dataset: only classes with at least two subjects count."""

    signature: str
    subjects: int
    photos: int
    pairs: int
    metrics: tuple[ToldApart, ...]


@process_kept()
def tell_apart(
    preset: str | None = None, *, reporter: ProgressListener | None = None, **asked: Unpack[Asked]
) -> TellingApart:
    """Measure how well the protocol's photo metrics tell a dataset's subjects from others of their class.

    Raises DreambenchError if no class has two subjects, or if photos or weights are missing.
    """
    quiet_libraries()
    from dreambench.runs.chosen_data import resolve_scoring

    spec, dataset, runtime = resolve_scoring(asked_spec(PAPER_PRESET if preset is None else preset, **asked))
    names = [name for name in spec.protocol.metrics if get_metric(name).compares == "photos"]
    classes = _classes(dataset.select(spec.subjects))
    if not classes or not names:
        missing = "class has two subjects or more" if names else "metric of the protocol compares photos"
        raise DreambenchError(f"no {missing}", "use another dataset, or other --metrics")
    inside = [subject for group in classes.values() for subject in group]
    photos = sum(len(subject.photos) for subject in inside)
    with reporting(reporter) as watch:
        from dreambench.metrics.encoders import ProtocolEncoders

        encoders = ProtocolEncoders(spec.protocol, runtime.device)
        found: dict[str, dict[str, float]] = {name: {} for name in names}
        watch.start(BAR, photos)
        for noun, group in classes.items():
            images = [read_image(photo.path, "photo") for subject in group for photo in subject.photos]
            owner = [subject.name for subject in group for _ in subject.photos]
            for name in names:
                metric = get_metric(name)
                pairs = metric.photo_pairs(encoders.load(metric.encoder).embed_images(images))
                sign = -1 if getattr(metric, "distance", False) else 1
                alike = [(i, j, sign * value) for i, j, value in pairs]
                found[name][noun] = float(identity_areas(alike, owner).mean())
            watch.advance(BAR, len(images))
        watch.finish(BAR)
    compared = sum(comb(sum(len(s.photos) for s in group), 2) for group in classes.values())
    return TellingApart(
        signature=format_signature(signature_fields(spec, photos)),
        subjects=len(inside),
        photos=photos,
        pairs=compared,
        metrics=tuple(_told_apart(name, own) for name, own in found.items()),
    )


def _classes(subjects: Sequence[Subject]) -> Mapping[str, list[Subject]]:
    grouped: dict[str, list[Subject]] = {}
    for subject in subjects:
        grouped.setdefault(subject.class_noun, []).append(subject)
    several = {noun: group for noun, group in grouped.items() if len(group) > 1}
    # Without two photos of one subject there is no pair to compare with the others.
    return {noun: g for noun, g in several.items() if any(len(s.photos) > 1 for s in g)}


def _told_apart(metric: str, classes: dict[str, float]) -> ToldApart:
    values = list(classes.values())
    interval = mean_interval(values) if len(values) >= LEAST else None
    # The studentized interval is unbounded, but a chance is at most 1.
    clipped = interval and (max(0.0, interval[0]), min(1.0, interval[1]))
    return ToldApart(metric=metric, auc=float(np.mean(values)), ci95=clipped, classes=classes)
