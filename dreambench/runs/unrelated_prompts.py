"""The prompts of drift: which ones a subject's model draws, and where there is nothing to draw them with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dreambench.dataset import Subject
from dreambench.errors import DreambenchError
from dreambench.metrics.drift import drift_settings
from dreambench.runs.training_subject import training_noun
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.registries import get_metric
from dreambench.spec.run_spec import RunSpec


def unrelated_prompts(spec: RunSpec, subject: Subject) -> list[tuple[int, str]]:
    """Return the prompts of drift with their indices: none names the subject's class, or what it trains as.

    Empty where no metric asks for them. Raises DreambenchError where no prompt is left.
    """
    settings = drift_settings(spec.protocol)
    if settings is None:
        return []
    return settings.unrelated_to([subject.class_noun, training_noun(spec.class_noun, subject)])


def refuse_drift_of_shown_photos(spec: RunSpec) -> None:
    """Raise DreambenchError where drift is asked of a method that only shows photos to a model."""
    names = _drift_metrics(spec.protocol)
    if names and spec.method.shows_photos():
        raise DreambenchError(
            f"{names[0]} is how far training moves a model, and {spec.method.name} trains nothing",
            f"leave {names[0]} out of --metrics",
        )


def refuse_drift_of_images(protocols: Iterable[ProtocolSpec]) -> None:
    """Raise DreambenchError where drift is asked of images alone."""
    for protocol in protocols:
        for name in _drift_metrics(protocol):
            raise DreambenchError(
                f"{name} compares images of unrelated prompts by the fine-tuned and by the base model, and "
                "`dreambench score` has neither",
                f"leave {name} out of --metrics, or use `dreambench run`",
            )


def refuse_other_prompts(spec: RunSpec, protocols: Mapping[str, ProtocolSpec]) -> None:
    """Raise DreambenchError where a further protocol asks for other unrelated prompts than the run's own."""
    own = drift_settings(spec.protocol)
    for name, protocol in protocols.items():
        other = drift_settings(protocol)
        if other is not None and (own is None or other.prompts != own.prompts):
            raise DreambenchError(
                f"protocol {name} asks for drift with other prompts than the first protocol",
                "give all of them the same protocol.encoders.drift.prompts",
            )


def _drift_metrics(protocol: ProtocolSpec) -> list[str]:
    return [name for name in protocol.metrics if get_metric(name).compares == "base"]
