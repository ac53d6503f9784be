"""What a baseline can detect: which tolerances are too wide, and how many runs or subjects are needed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

from dreambench.analysis.baseline import Baseline, Expected
from dreambench.errors import DreambenchError
from dreambench.spec.registries import get_metric, in_table_order
from dreambench.spec.signature import scale_of

#: Smaller differences do not count: they may come from the last bits of float32 sums on another machine, and
#: they are below a tenth of the last digit in tables. Where seeds change nothing, this is the tolerance.
FLOOR = 1e-4
#: A tolerance beyond this share of a metric's range lets another method pass.
SHARE = 0.1
_MOST = 200  # runs or subjects that a proposal may name


def tolerance(expected: Expected, runs: int, level: float, scale: float = 1.0) -> float:
    """Return how far one new run may be from the mean of ``runs`` runs, at a two-sided ``level``.

    Half the width of Student's prediction interval, t(1 - level/2, df) * sd * sqrt(1 + 1/runs), and
    never less than ``FLOOR`` on the scores' ``scale``.
    """
    return max(FLOOR * scale, _quantile(level, expected.df) * expected.sd * math.sqrt(1 + 1 / runs))


def widest(metric: str, scale: float = 1.0) -> float:
    """Return the widest useful tolerance: a tenth of the metric's range, on the scores' ``scale``.

    The range of a metric without an upper limit (LPIPS) counts as 1; its values rarely exceed that.
    """
    low, high = get_metric(metric).range
    return SHARE * scale * (high - low if math.isfinite(high - low) else 1.0)


def mean_level(baseline: Baseline) -> float:
    """Return the level of one metric's mean: its share (Bonferroni) of half of the family-wise level."""
    return baseline.alpha / 2 / len(baseline.metrics)


def blind_spots(baseline: Baseline) -> Iterator[tuple[str, float]]:
    """Yield the metrics whose mean over subjects has too wide a tolerance, with that tolerance."""
    for metric in in_table_order(baseline.metrics):
        scale = scale_of(baseline.signature, metric)
        overall = baseline.metrics[metric].overall
        allowed = tolerance(overall, len(baseline.runs), mean_level(baseline), scale)
        if allowed > widest(metric, scale):
            yield metric, allowed


def enough(baseline: Baseline) -> str:
    """Return how many seeds, or how many subjects, would be enough, given the measured noise."""
    runs, subjects = len(baseline.runs), len(baseline.subjects)
    more_runs = next((k for k in range(runs + 1, _MOST) if _would_do(baseline, k, subjects)), None)
    more_subjects = next((n for n in range(subjects + 1, _MOST) if _would_do(baseline, runs, n)), None)
    ways = []
    if more_runs is not None:
        ways.append(f"about {more_runs} seeds of these {subjects} subjects")
    if more_subjects is not None:
        ways.append(f"about {more_subjects} subjects with {runs} seeds")
    return " or ".join(ways) or "more seeds, and more images per prompt"


def refuse_blind(baseline: Baseline) -> None:
    """Raise DreambenchError where a baseline could not tell one method from another."""
    blind = list(blind_spots(baseline))
    if blind:
        useful = {metric: widest(metric, scale_of(baseline.signature, metric)) for metric, _ in blind}
        metric, allowed = max(blind, key=lambda spot: spot[1] / useful[spot[0]])
        raise DreambenchError(
            f"these runs cannot tell a change from another seed: the tolerance of {get_metric(metric).title} "
            f"is \N{PLUS-MINUS SIGN}{allowed:.2f}, wider than a tenth of its range "
            f"(\N{PLUS-MINUS SIGN}{useful[metric]:.2f})",
            f"{enough(baseline)} would be enough",
        )


def _would_do(baseline: Baseline, runs: int, subjects: int) -> bool:
    return all(
        tolerance(
            _with(metric.overall, baseline, runs, subjects / len(metric.subjects)), runs, mean_level(baseline)
        )
        <= widest(name, scale_of(baseline.signature, name))
        for name, metric in baseline.metrics.items()
    )


def _with(measured: Expected, baseline: Baseline, runs: int, more_subjects: float) -> Expected:
    """Return the expected noise for other numbers of runs and subjects.

    Degrees of freedom grow with the number of runs minus one. They grow with the number of subjects only if
    the subjects' noise is independent, which shows in more of them than the runs alone give.
    """
    before = len(baseline.runs) - 1
    independent = more_subjects if measured.df > before else 1.0
    df = measured.df * (runs - 1) / before * independent
    return Expected(mean=measured.mean, sd=measured.sd / math.sqrt(independent), df=df)


@lru_cache(maxsize=1024)
def _quantile(level: float, df: float) -> float:
    from scipy.stats import t

    # isf, because ppf(1 - level / 2) loses the digits of a small level.
    return float(t.isf(level / 2, df))
