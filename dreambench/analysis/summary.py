"""The summary of one or several runs: what `report --json` prints, and what every table shows."""

from __future__ import annotations

from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from dreambench.spec.frozen import Frozen


class Score(Frozen):
    """A metric's mean over subjects, with its interval and the paper's number.

    ``ci95`` is [low, high], None with fewer than 2 subjects; ``paper`` is None where the paper has no
    number for the same setting.
    """

    mean: float
    ci95: tuple[float, float] | None = None
    paper: float | None = None


class Row(Frozen):
    """One row of the main table; a metric that was not computed is None."""

    method: str
    n_images: int
    dino: Score | None = None
    clip_i: Score | None = None
    clip_t: Score | None = None
    div: Score | None = None
    pres: Score | None = None

    def score(self, metric: str) -> Score | None:
        """Return a metric's score by the metric's name."""
        score: Score | None = getattr(self, metric)
        return score


class SubjectScores(Frozen):
    """One subject's means; ``pres`` is left out of JSON where it was not computed."""

    dino: float | None = None
    clip_i: float | None = None
    clip_t: float | None = None
    div: float | None = None
    pres: float | None = None

    @model_serializer(mode="wrap")
    def _without_absent_pres(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _without(handler(self), "pres", self.pres is None)


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
    ``incomparable`` names the signature fields that differ where a comparison was forced.
    """

    signature: str
    name: str
    n_images: int
    unscored: int
    rows: tuple[Row, ...]
    subjects: dict[str, SubjectScores]
    runs: dict[str, RunSummary] = Field(default_factory=dict)
    incomparable: tuple[str, ...] = ()

    @model_serializer(mode="wrap")
    def _without_what_one_run_has_not(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data = _without(handler(self), "runs", not self.runs)
        return _without(data, "incomparable", not self.incomparable)


def _without(data: dict[str, Any], field: str, absent: bool) -> dict[str, Any]:
    return {name: value for name, value in data.items() if not (absent and name == field)}
