"""The summary of one or several runs: what `report --json` prints, and what every table shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from dreambench.spec.frozen import Frozen
from dreambench.spec.registries import get_metric, in_table_order

T = TypeVar("T")


class Score(Frozen):
    """A metric's mean over subjects, with its interval and the paper's number.

    ``ci95`` is [low, high], None with fewer than 4 subjects; ``paper`` is None if the paper has no
    number for the same setting.
    """

    mean: float
    ci95: tuple[float, float] | None = None
    paper: float | None = None


class MetricScores(Frozen, Generic[T]):
    """A row with one field per metric: the standard ones (None if not computed) and the requested ones.

    Each kind of row says of what type they are: pydantic before 2.13 does not find ``T`` from another module.
    """

    model_config = ConfigDict(extra="allow")

    def score(self, metric: str) -> T | None:
        """Return a metric's score by the metric's name."""
        return (self.__pydantic_extra__ or {}).get(metric)

    @property
    def computed(self) -> dict[str, T]:
        """The scores of the metrics that were computed, by name and in table order."""
        return {name: score for name, score in (self.__pydantic_extra__ or {}).items() if score is not None}


class Row(MetricScores[Score]):
    """One row of the main table."""

    __pydantic_extra__: dict[str, Score | None]
    method: str
    n_images: int


class SubjectScores(MetricScores[float]):
    """One subject's means, a field per metric; None for a default metric that was not computed."""

    __pydantic_extra__: dict[str, float | None]

    @classmethod
    def of(cls, scores: Mapping[str, float | None]) -> SubjectScores:
        """Return the means of one subject; a metric that is neither a default nor computed is omitted."""
        kept = {
            name: score for name, score in scores.items() if score is not None or get_metric(name).by_default
        }
        return cls.model_validate(kept)


class RunSummary(Frozen):
    """The part of a summary that belongs to one run among several."""

    signature: str
    n_images: int
    unscored: int
    subjects: dict[str, SubjectScores]


class Summary(Frozen):
    """The tables of one run, or of several side by side.

    ``rows`` has the real photos first, then one row per run. ``signature``, ``n_images``,
    ``unscored`` and ``subjects`` are the first run's; with several runs, ``runs`` has them for each.
    ``incomparable`` names the signature fields that differ if a comparison was forced. ``protocols`` has the
    summary by each protocol, including the first, if the images were scored with several.
    """

    signature: str
    name: str
    n_images: int
    unscored: int
    rows: tuple[Row, ...]
    subjects: dict[str, SubjectScores]
    runs: dict[str, RunSummary] = Field(default_factory=dict)
    incomparable: tuple[str, ...] = ()
    protocols: dict[str, Summary] = Field(default_factory=dict)

    def metrics(self) -> tuple[str, ...]:
        """Return the names of the metrics that any row has, in table order."""
        return in_table_order(name for row in self.rows for name in row.computed)

    @model_serializer(mode="wrap")
    def _without_what_one_run_has_not(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        optional = ("runs", "protocols", "incomparable")
        return {name: value for name, value in handler(self).items() if value or name not in optional}
