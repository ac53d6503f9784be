"""Several protocols at once: one of them is the run's, the others score the same images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dreambench.errors import DreambenchError
from dreambench.models.weights import with_fingerprints
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.protocols import protocol_label
from dreambench.spec.registries import get_metric
from dreambench.spec.run_spec import RunSpec


def protocols_by_name(names: Sequence[str], spec_of: Callable[[str], RunSpec]) -> dict[str, ProtocolSpec]:
    """Return the requested protocols by their names in tables; empty for one or none.

    ``spec_of`` returns the spec of the requested run with one protocol. Raises DreambenchError if two of
    them have the same name, and if a weights file is missing.
    """
    if len(names) < 2:
        return {}
    found: dict[str, ProtocolSpec] = {}
    for name in names:
        label = protocol_label(name)
        if label in found:
            raise DreambenchError(f"--protocol names {label} twice", "name each protocol once")
        found[label] = with_fingerprints(spec_of(name).protocol)
    refuse_mixed_subjects(found)
    return found


def with_input_left_out(specs: Sequence[RunSpec]) -> dict[str, ProtocolSpec]:
    """Return the run's protocol twice, the second time without the photo that the model was shown.

    Only for methods that are shown one photo: comparing with all photos rewards a copy of it. Else empty.
    """
    if not all(spec.method.shows_photos() and spec.training_photos == 1 for spec in specs):
        return {}
    if any(spec.protocol != specs[0].protocol for spec in specs):
        return {}
    protocol = with_fingerprints(specs[0].protocol)
    if protocol.leave_input_out or protocol.references != "all":
        return {}
    return {
        "all-photos": protocol,
        "input-left-out": protocol.evolve(leave_input_out=True),
    }


def refuse_mixed_subjects(protocols: Mapping[str, ProtocolSpec]) -> None:
    """Raise DreambenchError if one protocol is for images of one subject, and another for images of two.

    Neither may be for other pairs of subjects than the first one.
    """
    (name, first), *others = protocols.items()
    for other, protocol in others:
        if protocol.subject_pairs != first.subject_pairs:
            raise DreambenchError(
                f"--protocol {name},{other}: their images do not show the same pairs of subjects",
                "score the images of each with a call of its own",
            )


def refuse_metrics_of_one_subject(protocol: ProtocolSpec) -> None:
    """Raise DreambenchError for a metric that has no meaning for images of two subjects."""
    for metric in map(get_metric, protocol.metrics if protocol.subject_pairs else ()):
        if metric.compares not in ("photos", "caption", "pairs"):
            raise DreambenchError(
                f"{metric.name} is for images of one subject, and the protocol is for images of two",
                f"leave {metric.name} out of --metrics",
            )


def refuse_pairs_in_a_run(protocol: ProtocolSpec) -> None:
    """Raise DreambenchError for a protocol of pairs: a run personalizes a model to one subject."""
    if protocol.subject_pairs:
        raise DreambenchError(
            "the protocol is for images of two subjects, and a run draws one",
            "draw them with a model of your own, and give them to `dreambench score`",
        )


def images_that_count(spec: RunSpec, protocols: Mapping[str, ProtocolSpec]) -> int:
    """Return how many images of a prompt the protocols use at most."""
    every = [spec.protocol, *protocols.values()]
    return max(protocol.images_of(spec.images_per_prompt) for protocol in every)


def refuse_unknown_inputs(spec: RunSpec, protocols: Mapping[str, ProtocolSpec]) -> None:
    """Raise DreambenchError if a run leaves out the photos that its model saw, but the model sees all."""
    for protocol in protocols.values() or [spec.protocol]:
        if protocol.leave_input_out and spec.training_photos is None:
            raise DreambenchError(
                "the protocol leaves out the photos that a model saw, but this run trains on all of them",
                "train on the first N with --set training_photos=N",
            )
