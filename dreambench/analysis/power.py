"""How many subjects, images and seeds a difference between two methods needs: the design of an experiment.

A score varies with the subject, with the prompt, from image to image, and with the seed of the training. The
variance of a difference of two methods' means over S subjects, P prompts, K images and R seeds is

    (subject + seed / R + prompt / P + image / (P K R)) / S

with a component for each, estimated from existing runs by the method of moments for a nested design (Searle,
Casella and McCulloch 1992, chapter 3). Subjects are the sampling unit, as in all intervals and tests here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from dreambench.analysis.run_scores import RunScores
from dreambench.errors import DreambenchError
from dreambench.spec.registries import get_metric

ScoreArray = NDArray[np.float64]
ALPHA, POWER = 0.05, 0.8
#: Larger designs are not reported.
MOST_SUBJECTS, MOST_IMAGES, MOST_SEEDS = 2000, 200, 50
PROMPTS, IMAGES, SUBJECTS = 25, 4, 30


@dataclass(frozen=True)
class ScoredMethod:
    """A run's scores by one metric: ``values`` [subjects, prompts, images], subjects in one order."""

    label: str
    method: str
    seed: int
    values: ScoreArray


@dataclass(frozen=True)
class Components:
    """The variance components of the difference of two methods, each 0 or more, from ``pairs`` of runs."""

    subject: float
    seed: float
    prompt: float
    image: float
    pairs: int

    def variance(self, subjects: int, images: int, seeds: int, prompts: int = PROMPTS) -> float:
        """Return the variance of the difference of the means in a design."""
        within = self.prompt / prompts + self.image / (prompts * images * seeds)
        return (self.subject + self.seed / seeds + within) / subjects


@dataclass(frozen=True)
class NeededDesign:
    """What a difference needs at 80% power, raising one number at a time; None where it is never enough.

    ``subjects`` with 4 images and 1 seed; ``images`` of a prompt with 30 subjects and 1 seed; ``seeds`` with
    30 subjects and 4 images.
    """

    metric: str
    difference: float
    subjects: int | None
    images: int | None
    seeds: int | None


def scored_methods(runs: Sequence[RunScores], metric: str) -> list[ScoredMethod]:
    """Return the runs' scores as arrays over their common subjects.

    Raises DreambenchError where a run lacks a score, or its prompts or images differ from the first run's.
    """
    common = [s for s in runs[0].record.subjects if all(s in run.record.subjects for run in runs)]
    found = []
    for run in runs:
        images = run.tables.images
        own = images[images["subject"].isin(common)]
        table = own.pivot_table(index=["subject", "prompt_index"], columns="image_index", values=metric)
        table = table.reindex(common, level="subject")
        prompts = own["prompt_index"].nunique()
        values = table.to_numpy(float)
        whole = values.size == len(common) * prompts * own["image_index"].nunique()
        if not whole or not np.isfinite(values).all():
            raise DreambenchError(
                f"{run.label} lacks scores by {get_metric(metric).title}", "finish the run, or leave it out"
            )
        cube = values.reshape(len(common), prompts, -1)
        found.append(ScoredMethod(run.label, _method_of(run), run.record.spec.seed, cube))
    shapes = {each.values.shape for each in found}
    if len(shapes) > 1 or len(common) < 4:
        raise DreambenchError(
            "these runs have fewer than 4 subjects in common, or their prompts or images differ",
            "give runs of the same subjects and prompts",
        )
    return found


def _method_of(run: RunScores) -> str:
    """Return a key that is equal for runs that differ only in their seed."""
    spec = run.record.spec.evolve(seed=0)
    return f"{spec.method.name} {spec.images_key}"


def components(methods: Sequence[ScoredMethod]) -> Components:
    """Return the components of the difference of two methods, the mean over all pairs of methods and seeds.

    The images' part is that of the differences image by image: runs of one seed draw from the same noise.
    Without two seeds of a method, the seed's variance is part of the subject's. Raises DreambenchError
    without two methods.
    """
    pairs = [(a, b) for a, b in combinations(methods, 2) if a.method != b.method]
    if not pairs:
        raise DreambenchError("a difference needs two methods", "give runs of at least two methods")
    seeds = {each.method: _seed_part(methods, each.method) for each in methods}
    parts = np.array([_of_pair(a, b, seeds[a.method] + seeds[b.method]) for a, b in pairs])
    subject, seed, prompt, image = np.maximum(parts.mean(axis=0), 0)
    return Components(float(subject), float(seed), float(prompt), float(image), len(pairs))


def _of_pair(a: ScoredMethod, b: ScoredMethod, seed: float) -> tuple[float, float, float, float]:
    _, prompts, images = a.values.shape
    difference = a.values.mean(axis=2) - b.values.mean(axis=2)
    # Runs of one seed draw each image from the same noise: what they share of it cancels in the difference.
    image = _image_part(a.values - b.values)
    prompt = difference.var(axis=1, ddof=1).mean() - image / images
    whole = difference.mean(axis=1).var(ddof=1) - difference.var(axis=1, ddof=1).mean() / prompts
    return whole - seed, seed, prompt, image


def _image_part(values: ScoreArray) -> float:
    return float(values.var(axis=2, ddof=1).mean()) if values.shape[2] > 1 else 0.0


def _seed_part(methods: Sequence[ScoredMethod], method: str) -> float:
    """Return the variance of a subject's true mean from seed to seed; 0 with a single seed."""
    runs = [each for each in methods if each.method == method]
    if len({each.seed for each in runs}) < 2:
        return 0.0
    means = np.stack([each.values.mean(axis=(1, 2)) for each in runs])
    noise = np.mean([_image_part(each.values) for each in runs]) / np.prod(runs[0].values.shape[1:])
    return max(0.0, float(means.var(axis=0, ddof=1).mean() - noise))


def power(difference: float, variance: float, subjects: int) -> float:
    """Return the chance that the two-sided t-test over subjects finds a difference, at level 0.05.

    ``variance`` is the variance of the mean difference over all ``subjects``. Source: Cohen 1988, section 2.
    """
    from scipy.stats import nct, t

    if variance <= 0:
        return 1.0
    limit, shift = t.ppf(1 - ALPHA / 2, subjects - 1), difference / np.sqrt(variance)
    found = nct.sf(limit, subjects - 1, shift) + nct.cdf(-limit, subjects - 1, shift)
    return float(found) if np.isfinite(found) else 1.0


def needed(metric: str, difference: float, found: Components) -> NeededDesign:
    """Return the smallest numbers of subjects, images and seeds that reach 80% power."""

    def reached(subjects: int, images: int, seeds: int) -> bool:
        return power(difference, found.variance(subjects, images, seeds), subjects) >= POWER

    return NeededDesign(
        metric,
        difference,
        _smallest(lambda n: reached(n, IMAGES, 1), 2, MOST_SUBJECTS),
        _smallest(lambda n: reached(SUBJECTS, n, 1), 1, MOST_IMAGES),
        _smallest(lambda n: reached(SUBJECTS, IMAGES, n), 1, MOST_SEEDS),
    )


def _smallest(enough: Callable[[int], bool], low: int, high: int) -> int | None:
    found = low + bisect_left(range(low, high + 1), True, key=enough)
    return found if found <= high else None
