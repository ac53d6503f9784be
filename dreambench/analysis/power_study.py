"""The complete study of an experiment's design, from the variance of existing runs.

What a difference needs, and what smaller experiments lose: the rank agreement of a lite subset, the wrong
winners of tiny comparisons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from dreambench.analysis.paired import SEED
from dreambench.analysis.power import (
    ALPHA,
    SUBJECTS,
    Components,
    NeededDesign,
    ScoreArray,
    ScoredMethod,
    components,
    needed,
    power,
    scored_methods,
)
from dreambench.analysis.run_scores import RunScores, shown_metrics
from dreambench.analysis.summarize import summary_of
from dreambench.errors import DreambenchError
from dreambench.spec.registries import get_metric
from dreambench.spec.signature import scale_of

#: On a scale of 1; a protocol that multiplies its scores multiplies these as well.
DIFFERENCES = (0.01, 0.02, 0.05)
DRAWS = 2_000
LITE = (8, 10, 2)  # subjects, prompts, images
TINY = (1, 1, 4)


@dataclass(frozen=True)
class LiteAgreement:
    """How well subsets rank methods as the whole does: Kendall's tau, and how often the best is the same."""

    metric: str
    methods: int
    tau: float
    tau_low: float
    same_best: float


@dataclass(frozen=True)
class WrongWinner:
    """The chance that a tiny comparison of two methods picks the one that loses over the whole.

    ``worst`` is the chance for the pair where it is highest, ``pair`` its names.
    """

    metric: str
    chance: float
    worst: float
    pair: tuple[str, str]


@dataclass(frozen=True)
class PowerCheck:
    """The predicted power of a design, and the share of simulated experiments that found the difference."""

    metric: str
    subjects: int
    difference: float
    predicted: float
    simulated: float


@dataclass(frozen=True)
class PowerStudy:
    """Each metric's components, designs, lite subset, tiny comparison, check; ``signature`` is the runs'."""

    signature: str
    runs: tuple[str, ...]
    subjects: int
    components: dict[str, Components]
    designs: tuple[NeededDesign, ...]
    lite: tuple[LiteAgreement, ...]
    wrong: tuple[WrongWinner, ...]
    checks: tuple[PowerCheck, ...]


def power_study(runs: Sequence[RunScores]) -> PowerStudy:
    """Return what the runs' variance says about experiments, for each single-image metric that all have.

    Raises DreambenchError where the runs are not comparable, lack scores, or have a single method.
    """
    summary_of(runs)  # refuses runs of different signatures
    names = [name for name in shown_metrics(runs) if get_metric(name).compares in ("photos", "caption")]
    if not names:
        raise DreambenchError("these runs have no scores of single images", "give runs with DINO or CLIP-I")
    scored = {name: scored_methods(runs, name) for name in names}
    found = {name: components(methods) for name, methods in scored.items()}
    first = next(iter(scored.values()))
    scale = {name: scale_of(runs[0].signature, name) for name in names}
    return PowerStudy(
        signature=runs[0].signature,
        runs=tuple(run.label for run in runs),
        subjects=len(first[0].values),
        components=found,
        designs=tuple(needed(n, size * scale[n], found[n]) for n in names for size in DIFFERENCES),
        lite=tuple(lite_agreement(name, _one_of_each(scored[name])) for name in names),
        wrong=tuple(wrong_winner(name, scored[name]) for name in names),
        checks=tuple(check for name in names for check in _checks(name, scored[name], scale[name])),
    )


def _one_of_each(methods: Sequence[ScoredMethod]) -> list[ScoredMethod]:
    return list({each.method: each for each in reversed(methods)}.values())[::-1]


def _checks(metric: str, methods: Sequence[ScoredMethod], scale: float) -> list[PowerCheck]:
    """Simulate two designs with the first two methods, beside the prediction from their components."""
    a, b = _one_of_each(methods)[:2]
    own = components([a, b])
    prompts, images = a.values.shape[1:]
    found = []
    for subjects, difference in ((SUBJECTS, 0.02 * scale), (SUBJECTS // 2, 0.05 * scale)):
        predicted = power(difference, own.variance(subjects, images, 1, prompts), subjects)
        simulated = simulated_power(a, b, difference, subjects)
        found.append(PowerCheck(metric, subjects, difference, predicted, simulated))
    return found


def lite_agreement(metric: str, methods: Sequence[ScoredMethod]) -> LiteAgreement:
    """Compare the ranking on random subsets of 8 subjects, 10 prompts and 2 images with the full ranking.

    All methods of a draw have the same subjects and prompts. ``tau_low`` is the 5th percentile of the draws.
    """
    from scipy.stats import kendalltau

    dice = np.random.default_rng(SEED)
    whole = np.array([each.values.mean() for each in methods])
    better = 1 if get_metric(metric).higher_is_better else -1
    taus, best = [], 0
    for _ in range(DRAWS):
        means = _means_of_draw(dice, methods, LITE)
        taus.append(float(kendalltau(whole, means).statistic))
        best += int(np.argmax(better * means) == np.argmax(better * whole))
    low = float(np.quantile(taus, 0.05))
    return LiteAgreement(metric, len(methods), float(np.mean(taus)), low, best / DRAWS)


def wrong_winner(metric: str, methods: Sequence[ScoredMethod]) -> WrongWinner:
    """Return how often one subject, one prompt and 4 images of each method give the wrong winner.

    The chance is the mean over all pairs of runs of different methods. The true winner is that of the whole.
    """
    dice = np.random.default_rng(SEED)
    draws = np.stack([_means_of_draw(dice, methods, TINY) for _ in range(DRAWS)])
    whole = [each.values.mean() for each in methods]
    wrong = {
        (a.label, b.label): float(np.mean((draws[:, i] > draws[:, j]) != (whole[i] > whole[j])))
        for (i, a), (j, b) in combinations(enumerate(methods), 2)
        if a.method != b.method
    }
    pair = max(wrong, key=wrong.__getitem__)
    return WrongWinner(metric, float(np.mean(list(wrong.values()))), wrong[pair], pair)


def _means_of_draw(
    dice: np.random.Generator, methods: Sequence[ScoredMethod], size: tuple[int, int, int]
) -> ScoreArray:
    """Return each method's mean over random subjects and prompts, with images of its own."""
    counts = methods[0].values.shape
    subjects, prompts = (dice.permutation(counts[axis])[: size[axis]] for axis in (0, 1))
    means = []
    for each in methods:
        own = each.values[np.ix_(subjects, prompts)]
        images = dice.permuted(own, axis=2)[:, :, : size[2]]
        means.append(images.mean())
    return np.array(means)


def simulated_power(a: ScoredMethod, b: ScoredMethod, difference: float, subjects: int) -> float:
    """Return the share of simulated experiments whose t-test over subjects finds a true difference.

    Each draws subjects with replacement from two methods' differences by subject, moved to have the mean
    ``difference``.
    """
    from scipy.stats import ttest_1samp

    dice = np.random.default_rng(SEED)
    own = a.values.mean(axis=(1, 2)) - b.values.mean(axis=(1, 2))
    # Correct for the smaller spread of a sample from so few subjects.
    centered = (own - own.mean()) * np.sqrt(len(own) / (len(own) - 1))
    drawn = centered[dice.integers(0, len(own), (DRAWS, subjects))] + difference
    return float(np.mean(ttest_1samp(drawn, 0, axis=1).pvalue < ALPHA))
