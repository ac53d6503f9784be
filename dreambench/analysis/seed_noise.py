"""A baseline from runs that differ only in their seed: means, and the noise between seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import PurePath

import numpy as np
import pandas as pd

from dreambench.analysis.baseline import ALPHA, Baseline, Expected, MetricBaseline, subject_means
from dreambench.analysis.run_scores import RunScores
from dreambench.analysis.seed_mean import refuse_other_specs
from dreambench.errors import DreambenchError
from dreambench.spec.registries import in_table_order

#: Where the spread between runs exceeds what independent subjects explain at this level, subjects are
#: assumed to move together.
DEPENDENCE_LEVEL = 0.99
DIGITS = 9


def baseline_of(scored: Sequence[RunScores], alpha: float = ALPHA) -> Baseline:
    """Return the baseline of two or more complete runs; their order does not matter.

    Raises DreambenchError for a single run, for runs that differ in more than their seed (for images made
    elsewhere: in more than their folder), for the same seed twice, and for a run that is not complete or
    lacks a metric of the others.
    """
    if len(scored) < 2:
        raise DreambenchError(
            "a baseline needs several runs that differ only in their seed, but 1 is given",
            "make at least 3 with --seed 0, --seed 1, ... and name them all",
        )
    means = [subject_means(run) for run in scored]
    _refuse_others(scored)
    names = in_table_order(str(name) for own in means for name in own.columns)
    for run, own in zip(scored, means, strict=True):
        if lacking := [name for name in names if name not in own.columns]:
            raise DreambenchError(
                f"{run.folder.path} lacks {', '.join(lacking)}, which another run has", "score it again"
            )
    order = sorted(range(len(scored)), key=lambda i: _seed_or_source(scored[i]))
    return Baseline(
        signature=scored[0].signature,
        runs=tuple(_name(scored[i]) for i in order),
        alpha=alpha,
        metrics={name: metric_baseline(pd.DataFrame([means[i][name] for i in order])) for name in names},
    )


def metric_baseline(by_run: pd.DataFrame) -> MetricBaseline:
    """Return one metric's expected scores from its scores per run (rows, 2 or more) and subject (columns).

    A subject's noise is the standard deviation pooled over subjects, or its own where that is larger.
    The noise of the mean over subjects follows from the pooled noise, because every subject has its own
    noise. It is never smaller than the runs' means show. If they differ by clearly more (F test), subjects
    move together: the noise of their mean is the standard deviation between the runs, and all of the noise
    has the runs' few degrees of freedom. Otherwise the pooled noise has effective degrees of freedom
    (Welch 1947, Satterthwaite 1946): subjects need not be equally noisy.
    """
    from scipy.stats import f

    values = by_run.to_numpy(dtype=float)
    runs, subjects = values.shape
    variances = values.var(axis=0, ddof=1)
    pooled, df = math.sqrt(variances.mean()), effective_df(variances, runs - 1)
    between, independent = float(values.mean(axis=1).std(ddof=1)), pooled / math.sqrt(subjects)
    together = between > independent * math.sqrt(f.ppf(DEPENDENCE_LEVEL, runs - 1, df))
    means = values.mean(axis=0)
    df = runs - 1 if together else df
    own = [_expected(mean, max(pooled, math.sqrt(v)), df) for mean, v in zip(means, variances, strict=True)]
    return MetricBaseline(
        overall=_expected(float(means.mean()), max(between, independent), df),
        subjects={str(name): expected for name, expected in zip(by_run.columns, own, strict=True)},
    )


def effective_df(variances: np.ndarray, df: int) -> float:
    """Return the degrees of freedom of a mean of variances with ``df`` each (Satterthwaite 1946).

    Between ``df`` (one subject makes all the noise) and ``df`` times the number of subjects.
    """
    squares = float((variances**2).sum())
    return df * float(variances.sum()) ** 2 / squares if squares > 0 else float(df * len(variances))


def _expected(mean: float, sd: float, df: float) -> Expected:
    # Rounded, so that the last bits of a sum do not change a committed file; sd is rounded up.
    scale = 10**DIGITS
    return Expected(mean=round(mean, DIGITS), sd=math.ceil(sd * scale) / scale, df=round(df, 3))


def _seed_or_source(run: RunScores) -> tuple[int, str]:
    # What distinguishes runs: the seed, or for images made elsewhere, where our seed means nothing, their
    # folder.
    source = run.record.source
    return (0, source) if source else (run.record.spec.seed, "")


def _name(run: RunScores) -> str:
    # Without a path: the file is committed, and paths differ between machines.
    source = run.record.source
    return f"images {PurePath(source).name}" if source else f"seed {run.record.spec.seed}"


def _refuse_others(scored: Sequence[RunScores]) -> None:
    remedy = "a baseline measures the noise of the seed alone: make its runs with the same settings"
    refuse_other_specs(scored, remedy)
    seen: dict[tuple[int, str], RunScores] = {}
    for run in scored:
        twin = seen.setdefault(_seed_or_source(run), run)
        if twin is not run:
            raise DreambenchError(
                f"{twin.folder.path} and {run.folder.path} are both of {_name(run)}",
                "name runs of different seeds: the noise is measured between them",
            )
