"""Metrics and judges ranked by how well they follow the raters, each over the images that it scored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dreambench.analysis.paired import holm
from dreambench.human.correlation.coefficients import Kind, Vector, coefficient, fisher_interval
from dreambench.human.correlation.ranking_results import RankedPair, RankedScorer, TaskRanking, Verdict
from dreambench.human.correlation.raters import agreement, upper_bound
from dreambench.human.correlation.resampling import (
    cluster_counts,
    joined,
    percentile_interval,
    resampled_ranks,
    weighted_pearson,
)
from dreambench.human.correlation.results import Coefficient
from dreambench.human.imagenhub_tasks import TaskRatings

#: The metric that every other scorer is tested against.
AGAINST = "dino"
#: Ranks within each resample are dear: Spearman's interval uses fewer resamples.
SPEARMAN_RESAMPLES = 2_000


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
    verdict: Verdict = "fails" if found.difference <= 0 else "holds" if low > 0 else "undecided"
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
    draws = _draws(x, y, images["sample"].to_numpy())
    return RankedScorer(
        scorer=name,
        kind="judge" if name in rated.judges else "metric",
        n=len(images),
        missing=len(rated.images) - len(images),
        guessed=int(guesses.sum()),
        pearson=_coefficient("pearson", x, y, draws["pearson"]),
        spearman=_coefficient("spearman", x, y, draws["spearman"]),
        without_guesses=coefficient("pearson", x[read], y[read])[0] if guesses.any() else None,
    )


def _draws(x: Vector, y: Vector, clusters: np.ndarray) -> dict[Kind, Vector]:
    pearson: list[Vector] = []
    spearman: list[Vector] = []
    for counts in cluster_counts(clusters) if len(x) else ():
        pearson.append(weighted_pearson(counts, x, y))
        if sum(len(block) for block in spearman) < SPEARMAN_RESAMPLES:
            ranks = resampled_ranks(counts, x), resampled_ranks(counts, y)
            spearman.append(weighted_pearson(counts, *ranks))
    return {"pearson": joined(pearson), "spearman": joined(spearman)}


def _coefficient(kind: Kind, x: Vector, y: Vector, draws: Vector) -> Coefficient:
    r, p = coefficient(kind, x, y)
    interval = None if r is None else percentile_interval(draws)
    return Coefficient(r=r, p=p, ci95=fisher_interval(kind, r, len(x)), ci95_bootstrap=interval)


def _pair(rated: TaskRatings, first: str, second: str) -> RankedPair | None:
    images = rated.images[_both(rated, first, second)]
    a, b, y = (images[name].to_numpy(float) for name in (first, second, "sc"))
    r_a, r_b = coefficient("pearson", a, y)[0], coefficient("pearson", b, y)[0]
    if r_a is None or r_b is None:
        return None
    blocks = cluster_counts(images["sample"].to_numpy())
    draws = joined([weighted_pearson(counts, a, y) - weighted_pearson(counts, b, y) for counts in blocks])
    present = draws[np.isfinite(draws)]
    interval = percentile_interval(draws)
    p = None
    if interval is not None:
        # One more on both sides: no number of resamples shows that a probability is 0.
        fewer = min(int((present <= 0).sum()), int((present >= 0).sum()))
        p = min(1.0, 2 * (fewer + 1) / (len(present) + 1))
    return RankedPair(first=first, second=second, n=len(images), difference=r_a - r_b, ci95=interval, p=p)
