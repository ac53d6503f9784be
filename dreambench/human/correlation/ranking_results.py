"""The results of a ranking of metrics and judges: what ``correlate imagenhub --task`` prints as JSON."""

from __future__ import annotations

from typing import Literal

from dreambench.analysis.verdicts import Verdict
from dreambench.human.correlation.results import Bound, Coefficient, Interval, RaterAgreement
from dreambench.spec.frozen import Frozen


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
