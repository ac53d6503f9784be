"""Metrics that images may leave blank: PRES without the bare class, DIV without two images of a prompt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from dreambench.errors import DreambenchError
from dreambench.spec.metric import Metric
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.registries import get_metric

if TYPE_CHECKING:
    from dreambench.metrics.scoring import SubjectImages

#: Subjects that a line names.
_NAMED = 5
_LACKING = {
    "prior": (
        "no image of the bare class",
        "add FOLDER/<subject>/class-000.png, class-001.png, ... by the same model",
    ),
    "pairs": ("no prompt with two images", "add images"),
}


def blank_metrics(protocols: Collection[ProtocolSpec], images: Mapping[str, SubjectImages]) -> list[str]:
    """Return a line for each metric that has nothing to compare for some subjects, or for all.

    ``images`` are each subject's. A subject without any image is left out: its images are listed as missing.
    Raises DreambenchError where no metric of any protocol has anything to compare.
    """
    given = {name: own for name, own in images.items() if own.present() or own.priors}
    asked = dict.fromkeys(name for protocol in protocols for name in protocol.metrics)
    blank: dict[str, list[str]] = {}
    for metric in map(get_metric, asked):
        # Blank under a protocol that counts one image of a prompt, a metric may have scores under another.
        having = [protocol for protocol in protocols if metric.name in protocol.metrics]
        without = [n for n, own in given.items() if not any(_has_some(metric, p, own) for p in having)]
        if without and metric.compares in _LACKING:
            blank[metric.name] = without
    nowhere = [name for name, without in blank.items() if len(without) == len(given)]
    if nowhere and set(asked) == set(nowhere):
        lack, remedy = _LACKING[get_metric(nowhere[0]).compares]
        title = get_metric(nowhere[0]).title
        raise DreambenchError(f"{title} has nothing to compare: there is {lack}", _choice(nowhere[0], remedy))
    return [_line(get_metric(name), without, len(given)) for name, without in blank.items()]


def _has_some(metric: Metric, protocol: ProtocolSpec, images: SubjectImages) -> bool:
    """Whether a subject has anything that the metric compares; missing cells are counted elsewhere."""
    if metric.compares == "prior":
        return bool(images.priors)
    most = protocol.images
    counted = [cell for cell in images.present() if most is None or cell.image_index < most]
    least = 2 if metric.compares == "pairs" else 1
    return any(count >= least for count in Counter(cell.prompt_index for cell in counted).values())


def _line(metric: Metric, without: Sequence[str], subjects: int) -> str:
    lack, remedy = _LACKING[metric.compares]
    more = f" and {len(without) - _NAMED} more" if len(without) > _NAMED else ""
    whose = "" if len(without) == subjects else f" for {', '.join(without[:_NAMED])}{more}"
    return f"{metric.title} stays blank{whose}: there is {lack}; {_choice(metric.name, remedy)}"


def _choice(name: str, remedy: str) -> str:
    return f"{remedy}, or leave {name} out with --metrics"
