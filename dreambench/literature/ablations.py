"""The paper's ablations as data: which variants of a run, on which subjects, by which metrics."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import Field

from dreambench.errors import DreambenchError, did_you_mean
from dreambench.paths import data_folder, read_yaml
from dreambench.spec.frozen import Frozen
from dreambench.spec.named_files import names_in
from dreambench.spec.protocol_spec import MetricName


class Ablation(Frozen):
    """One ablation. ``variants`` maps each name to the fields that it sets; the first is the reference.

    ``subjects`` are our choice if the paper does not list its own; ``table`` is the number in the paper.
    """

    name: str
    title: str
    table: int
    subjects: tuple[str, ...] = Field(min_length=1)
    prompts: str = "all"
    metrics: tuple[MetricName, ...] = Field(min_length=1)
    notes: tuple[str, ...] = ()
    variants: Mapping[str, Mapping[str, Any]] = Field(min_length=2)

    @property
    def reference(self) -> str:
        """The variant that the others are compared with."""
        return next(iter(self.variants))

    def fields(self, variant: str) -> dict[str, Any]:
        """Return the spec's fields of a variant: its own, the subjects, the prompts and the metrics."""
        common = {"subjects": self.subjects, "prompts": self.prompts, "protocol.metrics": list(self.metrics)}
        return {**common, **self.variants[variant]}


def ablation_names() -> list[str]:
    """Return the names of the ablations."""
    return names_in("ablations")


@cache
def ablation(name: str) -> Ablation:
    """Return an ablation by name. Raises DreambenchError naming the nearest one."""
    if name not in ablation_names():
        known = ablation_names()
        raise DreambenchError(
            f"ablation {name!r} is unknown", f"{did_you_mean(name, known)}known: {', '.join(known)}"
        )
    return Ablation.model_validate({"name": name, **read_yaml(data_folder() / "ablations" / f"{name}.yaml")})
