"""The regression check: does any score of a new run differ from the baseline by more than seeds explain?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dreambench.analysis.aggregate import mean_over_subjects
from dreambench.analysis.baseline import ENOUGH_SEEDS, Baseline, Expected, subject_means
from dreambench.analysis.resolution import enough, mean_level, tolerance, widest
from dreambench.errors import DreambenchError, listed
from dreambench.spec.frozen import Frozen
from dreambench.spec.protocol_spec import MetricName
from dreambench.spec.registries import get_metric, in_table_order
from dreambench.spec.signature import scale_of, signature_differences

if TYPE_CHECKING:
    import pandas as pd

    from dreambench.analysis.run_scores import RunScores

Direction = Literal["better", "worse", "same"]


class Comparison(Frozen):
    """One score against the baseline; ``subject`` is None for the mean over subjects.

    ``moved`` is True if ``difference`` (value minus expected) exceeds ``tolerance``; ``direction`` says
    whether the value is better or worse by the metric's own direction, moved or not. ``blind`` is True where
    the tolerance is wider than a tenth of the metric's range, so that an unmoved score says nothing.
    """

    metric: MetricName
    subject: str | None
    value: float
    expected: float
    tolerance: float = Field(allow_inf_nan=True)  # infinite with too few degrees of freedom
    difference: float
    moved: bool
    direction: Direction
    blind: bool


class Check(Frozen):
    """A run's whole check.

    ``ok`` is False where a score moved in a direction that counts, or the tolerance of a mean over subjects
    is too wide to tell: ``remedy`` then says how many seeds or subjects would be enough. ``caution`` says
    where scores moved, but the baseline has so few seeds that unchanged code may fail as well. ``failed`` are
    the comparisons behind an ``ok`` that is False.
    """

    signature: str
    baseline: str
    ok: bool
    comparisons: tuple[Comparison, ...]
    remedy: str | None = None
    caution: str | None = None
    failed: tuple[Comparison, ...] = Field(default=(), exclude=True)

    @property
    def moved(self) -> tuple[Comparison, ...]:
        """The comparisons beyond their tolerance."""
        return tuple(c for c in self.comparisons if c.moved)

    @property
    def cannot_tell(self) -> tuple[Comparison, ...]:
        """The means over subjects that have not moved, but whose tolerance is too wide to tell."""
        return tuple(c for c in self.comparisons if c.subject is None and c.blind and not c.moved)


def check_run(run: RunScores, baseline: Baseline, name: str, allow_better: bool = False) -> Check:
    """Compare a run with a baseline; ``name`` is the baseline's name in the result.

    A move in either direction counts, because an unexpectedly better score is a defect as often as a worse
    one; with ``allow_better`` only worse scores count. Raises DreambenchError for a run that is not
    complete, for signatures that differ (naming the fields), and for a metric or subject that it lacks.
    """
    means = subject_means(run)
    differing = signature_differences(run.signature, baseline.signature)
    if differing:
        raise DreambenchError(
            f"{run.folder.path} cannot be compared with {name}: their signatures differ in "
            f"{'; '.join(differing)}",
            "check a run of the baseline's protocol, subjects and prompts, or write the baseline again",
        )
    _refuse_gaps(run, means, baseline, name)
    comparisons = tuple(compare(means, baseline))
    failed = tuple(c for c in comparisons if fails(c, allow_better))
    moved = any(c.moved for c in failed)
    check = Check(
        signature=run.signature,
        baseline=name,
        ok=not failed,
        comparisons=comparisons,
        caution=few_seeds(len(baseline.runs)) if moved else None,
        failed=failed,
    )
    return check.model_copy(update={"remedy": enough(baseline)}) if check.cannot_tell else check


def few_seeds(seeds: int) -> str | None:
    """Return why so few seeds make a baseline that misleads, and what to do; None where there are enough."""
    if seeds >= ENOUGH_SEEDS:
        return None
    return (
        f"the baseline has {seeds} seeds, and with fewer than {ENOUGH_SEEDS} unchanged code may fail, too "
        f"(docs/ci.md); write it with --update from runs of {ENOUGH_SEEDS} or more"
    )


def fails(comparison: Comparison, allow_better: bool) -> bool:
    """Return whether a comparison makes a check fail: it moved, or it is a mean that cannot tell."""
    if comparison.moved:
        return not (allow_better and comparison.direction == "better")
    return comparison.blind and comparison.subject is None


def compare(means: pd.DataFrame, baseline: Baseline) -> Iterator[Comparison]:
    """Yield the comparisons of every metric of the baseline: the mean over subjects, then each subject.

    Half of the family-wise level goes to the means over subjects and half to the subjects, each half in
    equal parts (Bonferroni), so that many subjects do not reduce the power of the few means.
    """
    metrics = in_table_order(baseline.metrics)
    runs, subjects = len(baseline.runs), len(baseline.subjects)
    level = mean_level(baseline)
    for metric in metrics:
        expected, scale = baseline.metrics[metric], scale_of(baseline.signature, metric)
        column = means[metric].loc[list(baseline.subjects)]
        mean = mean_over_subjects(column)
        assert mean is not None
        allowed = tolerance(expected.overall, runs, level, scale)
        yield _comparison(metric, None, mean, expected.overall, allowed, widest(metric, scale))
        for name, one in expected.subjects.items():
            allowed = tolerance(one, runs, level / subjects, scale)
            yield _comparison(metric, name, float(column[name]), one, allowed, widest(metric, scale))


def _comparison(
    metric: MetricName, subject: str | None, value: float, expected: Expected, allowed: float, useful: float
) -> Comparison:
    difference = value - expected.mean
    direction: Direction = "same"
    if difference:
        direction = "better" if (difference > 0) == get_metric(metric).higher_is_better else "worse"
    return Comparison(
        metric=metric,
        subject=subject,
        value=value,
        expected=expected.mean,
        tolerance=allowed,
        difference=difference,
        moved=abs(difference) > allowed,
        direction=direction,
        blind=allowed > useful,
    )


def _refuse_gaps(run: RunScores, means: pd.DataFrame, baseline: Baseline, name: str) -> None:
    lacking = [metric for metric in baseline.metrics if metric not in means.columns]
    if lacking:
        raise DreambenchError(
            f"{run.folder.path} lacks {', '.join(lacking)}, which {name} has",
            f"score it with --metrics {','.join(baseline.metrics)}",
        )
    ours, theirs = set(map(str, means.index)), set(baseline.subjects)
    if ours != theirs:
        raise DreambenchError(
            f"{run.folder.path} and {name} have different subjects: {listed(sorted(ours ^ theirs))}",
            "check a run of the baseline's subjects",
        )
