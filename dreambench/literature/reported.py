"""Results that papers report on this benchmark: one file each, with what is known about how it was made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from pydantic import Field, ValidationError, field_validator

from dreambench.errors import DreambenchError
from dreambench.literature.published import differences_from_protocol, of_the_papers_subjects, published
from dreambench.paths import data_folder, read_yaml
from dreambench.spec.frozen import Frozen, first_problem
from dreambench.spec.protocols import protocol_names
from dreambench.spec.signature import is_miniature, parse_signature

ReportedMetric = Literal["dino", "clip_i", "clip_t"]
#: Two reports of one method conflict if they differ by more than this.
CONFLICT = 0.01


class ReportedResult(Frozen):
    """One reported row: its numbers as cosines, where it was read, and what is known about its protocol.

    ``protocol`` names the protocol that it is known to follow. ``copied`` says that the table where it was
    read copied the number from another paper. ``inexact`` names numbers that are bounds.
    """

    name: str
    method: str
    base: str | None = None
    arxiv: str | None = Field(default=None, pattern=r"^\d{4}\.\d{4,5}$")
    values: dict[ReportedMetric, float]
    read_in: str = Field(min_length=3)
    copied: bool = False
    protocol: str | None = None
    known: tuple[str, ...] = ()
    unknown: tuple[str, ...] = Field(min_length=1)
    inexact: tuple[ReportedMetric, ...] = ()
    note: str = ""

    @field_validator("values")
    @classmethod
    def _cosines(cls, values: dict[str, float]) -> dict[str, float]:
        if not values or not all(0 < value < 1 for value in values.values()):
            raise ValueError("values are cosines between 0 and 1: divide by the protocol's scale")
        return values

    @field_validator("protocol")
    @classmethod
    def _is_known(cls, name: str | None) -> str | None:
        if name is not None and name not in protocol_names():
            raise ValueError(f"known protocols: {', '.join(protocol_names())}")
        return name

    @property
    def title(self) -> str:
        """The method with its base model, if that is known."""
        return f"{self.method} ({self.base})" if self.base else self.method


@dataclass(frozen=True)
class SetApart:
    """A reported result that is not comparable, and why."""

    result: ReportedResult
    reason: str


@cache
def reported_results() -> tuple[ReportedResult, ...]:
    """Return every reported result, by method. Raises DreambenchError naming the file and the field."""
    found = []
    for path in sorted((data_folder() / "published").glob("*.yaml")):
        try:
            content = read_yaml(path)
            fields = {"name": path.stem, **content} if isinstance(content, dict) else content
            found.append(ReportedResult.model_validate(fields))
        except ValidationError as error:
            raise DreambenchError(f"{path}: {first_problem(error)}", "fix the file") from error
    return tuple(sorted(found, key=lambda each: (each.method.lower(), each.base or "", each.name)))


def conflicts(result: ReportedResult) -> list[ReportedResult]:
    """Return the other reports of the same method and base whose numbers differ by more than 0.01.

    A report that does not name its base model may be of any.
    """
    return [
        other
        for other in reported_results()
        if other.name != result.name
        and other.method == result.method
        and (other.base == result.base or None in (other.base, result.base))
        and any(
            abs(other.values[metric] - value) > CONFLICT
            for metric, value in result.values.items()
            if metric in other.values
        )
    ]


def beside(signature: str) -> tuple[list[ReportedResult], list[SetApart]]:
    """Return the reported results comparable with scores of this signature, and the others with a reason.

    They are comparable if the photos, every encoder and choice of the protocol, and the images are the same:
    the whole benchmark, by the protocol that the result is known to follow.
    """
    comparable, apart = [], []
    for result in reported_results():
        reason = _why_not(result, signature)
        if reason is None:
            comparable.append(result)
        else:
            apart.append(SetApart(result, reason))
    return comparable, apart


def _why_not(result: ReportedResult, signature: str) -> str | None:
    if is_miniature(signature):
        return "these scores are the miniature's"
    if not of_the_papers_subjects(signature):
        return f"these scores are for other photos than {published().data}"
    if result.protocol is None:
        return "its protocol is not stated"
    differing = [each.partition(":")[0] for each in differences_from_protocol(signature, result.protocol)]
    wrong = [name for name in differing if name != "lpips"]  # no reported table has diversity
    if wrong:
        return f"it follows protocol {result.protocol}: {', '.join(wrong)} differ"
    if "cells" in parse_signature(signature):
        return "these scores are for a part of the benchmark"
    return None
