"""The results of a correlation analysis: what `correlate --json` prints, and what every table shows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dreambench.spec.frozen import Frozen

Interval = tuple[float, float]
#: What a bootstrap draws whole: a subject's images and votes, or a sample's (of one subject and prompt).
Unit = Literal["subject", "sample"]


class Coefficient(Frozen):
    """One correlation (-1 to 1): two-sided p, 95% intervals by Fisher's z and by the clustered bootstrap.

    p and the interval by Fisher's z assume independent images, the bootstrap does not. None is what
    cannot be computed: too few images, or scores that do not vary.
    """

    r: float | None = None
    p: float | None = None
    ci95: Interval | None = None
    ci95_bootstrap: Interval | None = None


class CorrelationRow(Frozen):
    """One metric against one human score, over ``n`` images."""

    metric: str
    human: str
    n: int
    pearson: Coefficient
    spearman: Coefficient
    kendall: Coefficient


class PairedTest(Frozen):
    """A test whether ``metric`` follows ``human`` better than ``other`` does, over the same ``n`` images.

    ``difference`` is that of the Pearson coefficients, ``between`` the metrics' correlation with each
    other. Every p is one-sided (the metric is better); beside it is the two-sided one.
    """

    metric: str
    other: str
    human: str
    n: int
    difference: float
    between: float
    ci95_bootstrap: Interval | None = None
    p_bootstrap: float | None = None
    p_bootstrap_two_sided: float | None = None
    steiger_z: float | None = None
    steiger_p: float | None = None
    steiger_p_two_sided: float | None = None
    williams_t: float | None = None
    williams_df: int | None = None
    williams_p: float | None = None
    williams_p_two_sided: float | None = None


class MetricComparison(Frozen):
    """DINO's minus CLIP-I's Pearson correlation with the raters' score of the subject, pooled.

    ``ci95`` and the two-sided ``p`` are the clustered bootstrap's, the only ones here that allow for
    dependent images. The human score is a user study's subject fidelity, or ImagenHub's semantic
    consistency (SC), which also covers how the image follows its prompt. ``paired`` has the same numbers.
    """

    difference: float
    ci95: Interval | None = None
    p: float | None = None


class RaterAgreement(Frozen):
    """Krippendorff's alpha (ordinal) over ``n`` images that at least two of the ``raters`` rated."""

    human: str
    n: int
    raters: int
    alpha: float | None = None
    ci95: Interval | None = None


class Bound(Frozen):
    """One rater against the mean of the others, as the mean over ``raters``; ``by_rater`` is Pearson's."""

    human: str
    n: int
    raters: int
    pearson: float | None = None
    spearman: float | None = None
    kendall: float | None = None
    pearson_ci95_bootstrap: Interval | None = None
    by_rater: dict[str, float | None] = Field(default_factory=dict)


class Scope(Frozen):
    """The analysis of a set of images: ``n`` of them have every score, ``left_out`` do not.

    ``agreement`` is over all rated images of the set, everything else over the ``n``.
    """

    n: int
    left_out: int
    rows: tuple[CorrelationRow, ...] = ()
    paired: tuple[PairedTest, ...] = ()
    upper_bound: tuple[Bound, ...] = ()
    agreement: tuple[RaterAgreement, ...] = ()


class Share(Frozen):
    """A share of ``of`` pairs or answers (0 to 1) with its 95% interval.

    ``ci95_by_subject``, for shares of pairs only, resamples subjects as the other tables do: only this one
    extends to subjects that were not asked about. It is None for a single subject.
    """

    share: float
    count: float
    of: int
    ci95: Interval | None = None
    ci95_by_subject: Interval | None = None


class Preference(Frozen):
    """Which of two methods the raters prefer: the paper's Table 2.

    ``majority`` and ``answers`` have the keys of the two methods and "undecided": shares of the pairs
    by majority vote, and of all answers. ``win_rate`` is method_a's, an undecided answer being half a
    win for each.
    """

    study: str
    method_a: str
    method_b: str
    pairs: int
    raters: int
    majority: dict[str, Share]
    answers: dict[str, Share]
    win_rate: Share


class Strength(Frozen):
    """A method's Bradley-Terry strength (log odds, summing to 0 over the study's methods).

    ``strength`` is None where no finite fit exists: a method, or a group of them, that won all or
    lost all of its comparisons with the others, or was never compared with them.
    """

    study: str
    method: str
    strength: float | None = None
    ci95: Interval | None = None


class Correlations(Scope):
    """A whole analysis: the fields of ``Scope`` for all methods pooled, and the same for each method.

    ``source`` says what was analysed; ``left_out_by`` counts the images left out by the reason; ``paper``
    is the DreamBooth paper's Pearson correlation by metric and ``paper_preferences`` its Table 2 by study,
    both from its own votes on its own images. ``comparison`` is None where DINO, CLIP-I or the human score
    of subject fidelity is missing or does not vary. ``resampled`` is the unit of every bootstrap: a
    subject's or a sample's images are drawn together.
    """

    source: str
    resampled: Unit = "sample"
    metrics: tuple[str, ...]
    humans: tuple[str, ...]
    comparison: MetricComparison | None = None
    left_out_by: dict[str, int] = Field(default_factory=dict)
    methods: dict[str, Scope] = Field(default_factory=dict)
    preferences: tuple[Preference, ...] = ()
    strengths: tuple[Strength, ...] = ()
    paper: dict[str, float] = Field(default_factory=dict)
    paper_preferences: dict[str, dict[str, float]] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
