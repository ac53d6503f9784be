"""The committed baseline of the regression check: expected scores, and how much they vary with the seed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from dreambench.errors import DreambenchError, listed
from dreambench.paths import refuse_special
from dreambench.spec.frozen import Frozen, first_problem
from dreambench.spec.protocol_spec import MetricName
from dreambench.spec.signature import parse_signature

if TYPE_CHECKING:
    import pandas as pd

    from dreambench.analysis.run_scores import RunScores

#: The probability that unchanged code fails a check, over all its comparisons. It holds for subjects with
#: independent noise, and for subjects that clearly move together; with few seeds it is larger in between
#: (docs/ci.md has simulated rates).
ALPHA = 0.001
#: With fewer seeds, unchanged code fails more often than ``ALPHA`` says.
ENOUGH_SEEDS = 8
_REMEDY = "write it again: dreambench check RUN_SEED0 RUN_SEED1 ... --baseline FILE --update"


class Expected(Frozen):
    """One score: its mean over the baseline's runs, and its noise from one seed to the next.

    ``sd`` is the standard deviation of one run's score, ``df`` the degrees of freedom behind it.
    """

    mean: float
    sd: float = Field(ge=0)
    df: float = Field(gt=0)


class MetricBaseline(Frozen):
    """One metric: its mean over subjects, and each subject's own."""

    overall: Expected
    subjects: dict[str, Expected] = Field(min_length=1)


class Baseline(Frozen):
    """What a new run is compared with.

    ``runs`` names the runs behind it, which differ only in their seed; ``alpha`` is the family-wise
    error level of the check.
    """

    schema_version: Literal[1] = 1
    signature: str
    runs: tuple[str, ...] = Field(min_length=2)
    alpha: float = Field(default=ALPHA, gt=0, lt=1)
    metrics: dict[MetricName, MetricBaseline] = Field(min_length=1)

    @field_validator("signature")
    @classmethod
    def _has_fields(cls, signature: str) -> str:
        try:
            parse_signature(signature)
        except ValueError as error:
            raise ValueError("is not a signature") from error
        return signature

    @model_validator(mode="after")
    def _same_subjects(self) -> Baseline:
        first = self.subjects
        for name, metric in self.metrics.items():
            if set(metric.subjects) != set(first):
                raise ValueError(f"metrics.{name} does not have the first metric's subjects")
        return self

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects of every metric, in order."""
        return tuple(next(iter(self.metrics.values())).subjects)


def read_baseline(file: Path) -> Baseline:
    """Read a baseline file. Raises DreambenchError naming the file and the first wrong field."""
    refuse_special(file, "the baseline")
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DreambenchError(f"the baseline {file} does not exist", _REMEDY) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DreambenchError(f"{file} cannot be read as a baseline: {error}", _REMEDY) from error
    if not text.strip():
        raise DreambenchError(f"{file} is empty", _REMEDY)
    try:
        return Baseline.model_validate_json(text)
    except ValidationError as error:
        raise DreambenchError(f"{file}: {first_problem(error)}", _REMEDY) from error


def subject_means(run: RunScores) -> pd.DataFrame:
    """Return one row per subject and one column per metric that the run has; no cell is NaN.

    Raises DreambenchError for a run that is not complete, for unscored images, and for a metric that
    some subjects lack: a mean over fewer images cannot be compared with the baseline's.
    """
    path, record = run.folder.path, run.record
    if record.status != "complete":
        raise DreambenchError(
            f"{path}: the run is not complete ({record.status})", "resume it with the same command"
        )
    if run.coverage.unscored:
        raise DreambenchError(
            f"{path}: {run.coverage.unscored} of its images are not scored",
            "a check needs all of them: finish the run, or add the missing images",
        )
    means = run.subjects.dropna(axis="columns", how="all")
    for metric in means.columns:
        absent = [str(name) for name in means.index[means[metric].isna()]]
        if absent:
            raise DreambenchError(f"{path}: {metric} is missing for {listed(absent)}", "score the run again")
    if means.empty:
        raise DreambenchError(f"{path} has no scores", "score the run first")
    return means
