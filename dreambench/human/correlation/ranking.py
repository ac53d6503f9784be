"""Metrics and judges ranked by how well they follow the raters, each over the images that it scored.

``Rankings`` is what ``correlate imagenhub --task`` prints as JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from dreambench.analysis.paired import RESAMPLES, holm
from dreambench.analysis.verdicts import Verdict
from dreambench.human.correlation.coefficients import Kind, coefficient
from dreambench.human.correlation.raters import agreement, upper_bound
from dreambench.human.correlation.resampling import (
    measured,
    percentile_interval,
    resampled_coefficients,
    two_sided_p,
)
from dreambench.human.correlation.results import Bound, Coefficient, Interval, RaterAgreement
from dreambench.human.imagenhub_tasks import TaskRatings
from dreambench.spec.frozen import Frozen

#: The metric that every other scorer is tested against.
AGAINST = "dino"
#: Ranks within each resample are dear: Spearman's interval uses fewer resamples.
SPEARMAN_RESAMPLES = 2_000


class RankedScorer(Frozen):
    """A metric or a judge against the raters' mean SC, over the ``n`` images that it scored.

    ``missing`` counts the rated images without a score of it, ``guessed`` the scores that its authors drew
    at random because a reply could not be read; ``without_guesses`` is Pearson's coefficient without those.
    """

    scorer: str
    kind: Literal["metric", "judge"]
    n: int
    missing: int
    guessed: int
    pearson: Coefficient
    spearman: Coefficient
    without_guesses: float | None = None


class RankedPair(Frozen):
    """The difference of two scorers' Pearson coefficients, over the ``n`` images that both scored.

    The interval and the two-sided ``p`` are the clustered bootstrap's, ``p_holm`` is after Holm's correction
    over the pairs of a task.
    """

    first: str
    second: str
    n: int
    difference: float
    ci95: Interval | None = None
    p: float | None = None
    p_holm: float | None = None


class TaskRanking(Frozen):
    """One task: its scorers, the best first, their paired tests, and how far the raters agree.

    ``ceiling`` is one rater against the mean of the others. ``dino_over_clip_i`` says whether DINO follows
    the raters better than CLIP-I: ``holds`` or ``fails`` where the interval of the difference lies above or
    below 0, ``undecided`` where it contains 0.
    """

    task: str
    title: str
    images: int
    methods: int
    scorers: tuple[RankedScorer, ...]
    pairs: tuple[RankedPair, ...]
    ceiling: Bound
    agreement: RaterAgreement
    dino_over_clip_i: Verdict | None = None
    note: str = ""


class Rankings(Frozen):
    """The tasks in the order asked for; ``source`` names the data."""

    source: str
    tasks: tuple[TaskRanking, ...]
    notes: tuple[str, ...] = ()


def rank_task(rated: TaskRatings) -> TaskRanking:
    """Rank a task's metrics and judges by Pearson's correlation with the raters' mean SC.

    Intervals resample samples (a subject and a prompt) with all their images. Each scorer is tested against
    DINO over the images that both scored, with Holm's correction over the task. A scorer without a
    coefficient (fewer than 3 images, or always the same score) comes last.
    """
    scorers = [_scorer(rated, name) for name in (*rated.metrics, *rated.judges)]
    ranked = sorted(scorers, key=lambda each: -np.inf if each.pearson.r is None else each.pearson.r)[::-1]
    pairs = [_pair(rated, AGAINST, each.scorer) for each in ranked if each.scorer != AGAINST]
    tested = [pair for pair in pairs if pair is not None]
    corrected = holm([pair.p for pair in tested])
    clusters = rated.images["sample"].to_numpy()
    verdict, note = _dino_over_clip_i(rated.task.title, tested)
    return TaskRanking(
        task=rated.task.name,
        title=rated.task.title,
        images=len(rated.images),
        methods=rated.images["method"].nunique(),
        scorers=tuple(ranked),
        pairs=tuple(pair.model_copy(update={"p_holm": p}) for pair, p in zip(tested, corrected, strict=True)),
        ceiling=upper_bound("sc", rated.raters, rated.ratings, clusters),
        agreement=agreement("sc", rated.ratings, clusters),
        dino_over_clip_i=verdict,
        note=note,
    )


def _dino_over_clip_i(title: str, pairs: Sequence[RankedPair]) -> tuple[Verdict | None, str]:
    found = next((pair for pair in pairs if pair.second == "clip_i"), None)
    if found is None or found.ci95 is None:
        return None, ""
    low, high = found.ci95
    verdict: Verdict = "fails" if high < 0 else "holds" if low > 0 else "undecided"
    interval = f"{found.difference:+.3f} [{low:+.3f}, {high:+.3f}]"
    return verdict, f"{title}: DINO follows people better than CLIP-I: {verdict} ({interval})"


def _both(rated: TaskRatings, *names: str) -> pd.Series:
    return rated.images[["sc", *names]].notna().all(axis=1)


def _scorer(rated: TaskRatings, name: str) -> RankedScorer:
    seen = _both(rated, name)
    images = rated.images[seen]
    x, y = images[name].to_numpy(float), images["sc"].to_numpy(float)
    guesses = rated.guessed[name][seen] if name in rated.guessed else pd.Series(False, index=images.index)
    read = ~guesses.to_numpy(bool)
    resamples: dict[Kind, int] = {"pearson": RESAMPLES, "spearman": SPEARMAN_RESAMPLES}
    draws = resampled_coefficients({name: x}, {"sc": y}, images["sample"], resamples)[name, "sc"]
    return RankedScorer(
        scorer=name,
        kind="judge" if name in rated.judges else "metric",
        n=len(images),
        missing=len(rated.images) - len(images),
        guessed=int(guesses.sum()),
        pearson=measured("pearson", x, y, draws["pearson"]),
        spearman=measured("spearman", x, y, draws["spearman"]),
        without_guesses=coefficient("pearson", x[read], y[read])[0] if guesses.any() else None,
    )


def _pair(rated: TaskRatings, first: str, second: str) -> RankedPair | None:
    images = rated.images[_both(rated, first, second)]
    a, b, y = (images[name].to_numpy(float) for name in (first, second, "sc"))
    r_a, r_b = coefficient("pearson", a, y)[0], coefficient("pearson", b, y)[0]
    if r_a is None or r_b is None:
        return None
    scored = {first: a, second: b}
    found = resampled_coefficients(scored, {"sc": y}, images["sample"], {"pearson": RESAMPLES})
    draws = found[first, "sc"]["pearson"] - found[second, "sc"]["pearson"]
    interval = percentile_interval(draws)
    return RankedPair(
        first=first,
        second=second,
        n=len(images),
        difference=r_a - r_b,
        ci95=interval,
        p=interval and two_sided_p(draws),
    )
