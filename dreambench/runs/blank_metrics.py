"""Metrics that lack images: PRES without the bare class, DIV without two images of a prompt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from dreambench.errors import DreambenchError, listed
from dreambench.spec.metric import Metric
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.registries import get_metric

if TYPE_CHECKING:
    from dreambench.metrics.scoring import SubjectImages

_LACKING = {
    "prior": (
        "no image of the bare class",
        "score a folder that has them as FOLDER/<subject>/class-000.png, class-001.png, ... (a manifest and "
        "images in memory cannot)",
    ),
    "pairs": ("no prompt with two images", "add images"),
}


def blank_in_run(protocols: Collection[ProtocolSpec], images_per_prompt: int) -> list[str]:
    """Return a line for each metric of pairs where one image of a prompt is drawn, or counts."""
    drawn = "give --images-per-prompt 2" if images_per_prompt == 1 else "set protocol.images to 2"
    return [
        _line(metric, "", drawn)
        for metric, having in _metrics_of(protocols)
        if metric.compares == "pairs" and all(p.images_of(images_per_prompt) == 1 for p in having)
    ]


def blank_metrics(protocols: Collection[ProtocolSpec], images: Mapping[str, SubjectImages]) -> list[str]:
    """Return a line for each metric that has nothing to compare for some subjects, or for all.

    A line also says where there are fewer images of the bare class than a protocol asks for. ``images`` are
    each subject's. A subject without any image is left out: its images are listed as missing. Raises
    DreambenchError where no metric of any protocol has anything to compare.
    """
    given = {name: own for name, own in images.items() if own.present() or own.priors}
    blank: dict[Metric, list[str]] = {}
    asked = _metrics_of(protocols)
    for metric, having in asked:
        without = [n for n, own in given.items() if not any(_has_some(metric, p, own) for p in having)]
        if without and metric.compares in _LACKING:
            blank[metric] = without
    nowhere = [metric for metric, without in blank.items() if len(without) == len(given)]
    if nowhere and len(nowhere) == len(asked):
        lack, remedy = _LACKING[nowhere[0].compares]
        raise DreambenchError(
            f"{nowhere[0].title} has nothing to compare: there is {lack}", _choice(nowhere[0], remedy)
        )
    lines = [
        _line(metric, "" if metric in nowhere else f" for {listed(without)}", _LACKING[metric.compares][1])
        for metric, without in blank.items()
    ]
    return lines + _few_priors(asked, given)


def _metrics_of(protocols: Collection[ProtocolSpec]) -> list[tuple[Metric, list[ProtocolSpec]]]:
    """Return each metric with the protocols that have it: blank in one, it may have scores in another."""
    names = dict.fromkeys(name for protocol in protocols for name in protocol.metrics)
    return [(get_metric(name), [p for p in protocols if name in p.metrics]) for name in names]


def _has_some(metric: Metric, protocol: ProtocolSpec, images: SubjectImages) -> bool:
    """Whether a subject has anything that the metric compares; missing cells are counted elsewhere."""
    if metric.compares == "prior":
        return bool(images.priors)
    most = protocol.images
    counted = [cell for cell in images.present() if most is None or cell.image_index < most]
    least = 2 if metric.compares == "pairs" else 1
    return any(count >= least for count in Counter(cell.prompt_index for cell in counted).values())


def _few_priors(
    asked: Sequence[tuple[Metric, Sequence[ProtocolSpec]]], images: Mapping[str, SubjectImages]
) -> list[str]:
    lines = []
    for metric, having in asked:
        wanted = max(protocol.prior_images for protocol in having)
        few = {name: len(own.priors) for name, own in images.items() if 0 < len(own.priors) < wanted}
        if metric.compares == "prior" and few:
            whose = listed([f"{name} ({count})" for name, count in few.items()])
            lines.append(
                f"{metric.title} has fewer than {wanted} images of the bare class for {whose}; add more, "
                f"or ask for no more with --set protocol.prior_images={min(few.values())}"
            )
    return lines


def _line(metric: Metric, whose: str, remedy: str) -> str:
    lack, _ = _LACKING[metric.compares]
    return f"{metric.title} stays blank{whose}: there is {lack}; {_choice(metric, remedy)}"


def _choice(metric: Metric, remedy: str) -> str:
    return f"{remedy}, or leave {metric.name} out with --metrics"
