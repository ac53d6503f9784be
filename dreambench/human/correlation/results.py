"""The results of a correlation analysis: what `correlate --json` prints, and what every table shows."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Number = Annotated[float, Field(allow_inf_nan=False)]
Interval = tuple[Number, Number]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Coefficient(_Frozen):
    """One correlation (-1 to 1): two-sided p, 95% intervals by Fisher's z and by the clustered bootstrap.

    p and the interval by Fisher's z take the images as independent, the bootstrap does not. None is
    what cannot be computed: too few images, or scores that do not vary.
    """

    r: Number | None = None
    p: Number | None = None
    ci95: Interval | None = None
    ci95_bootstrap: Interval | None = None


class CorrelationRow(_Frozen):
    """One metric against one human score, over ``n`` images."""

    metric: str
    human: str
    n: int
    pearson: Coefficient
    spearman: Coefficient
    kendall: Coefficient


class PairedTest(_Frozen):
    """Whether ``metric`` follows ``human`` better than ``other`` does, over the same ``n`` images.

    ``difference`` is that of the Pearson coefficients, ``between`` the metrics' correlation with each
    other. Every p is one-sided (the metric is better) and has its two-sided companion.
    """

    metric: str
    other: str
    human: str
    n: int
    difference: Number
    between: Number
    ci95_bootstrap: Interval | None = None
    p_bootstrap: Number | None = None
    p_bootstrap_two_sided: Number | None = None
    steiger_z: Number | None = None
    steiger_p: Number | None = None
    steiger_p_two_sided: Number | None = None
    williams_t: Number | None = None
    williams_df: int | None = None
    williams_p: Number | None = None
    williams_p_two_sided: Number | None = None


class Comparison(_Frozen):
    """DINO's minus CLIP-I's Pearson correlation with subject fidelity, pooled: the paper's claim.

    ``ci95`` is the bootstrap's interval; ``p`` is two-sided, by Steiger's z. The human score is
    ImagenHub's SC, or a user study's subject fidelity. The same numbers stand in ``paired``.
    """

    difference: Number
    ci95: Interval | None = None
    p: Number | None = None


class Agreement(_Frozen):
    """Krippendorff's alpha (ordinal) over ``n`` images that at least two of the ``raters`` judged."""

    human: str
    n: int
    raters: int
    alpha: Number | None = None
    ci95: Interval | None = None


class Bound(_Frozen):
    """One rater against the mean of the others, as the mean over ``raters``; ``by_rater`` is Pearson's."""

    human: str
    n: int
    raters: int
    pearson: Number | None = None
    spearman: Number | None = None
    kendall: Number | None = None
    pearson_ci95_bootstrap: Interval | None = None
    by_rater: dict[str, Number | None] = {}


class Scope(_Frozen):
    """The analysis of a set of images: ``n`` of them have every score, ``left_out`` do not.

    ``agreement`` is over all judged images of the set, everything else over the ``n``.
    """

    n: int
    left_out: int
    rows: tuple[CorrelationRow, ...] = ()
    paired: tuple[PairedTest, ...] = ()
    upper_bound: tuple[Bound, ...] = ()
    agreement: tuple[Agreement, ...] = ()


class Share(_Frozen):
    """A share of ``of`` pairs or answers (0 to 1) with its 95% interval.

    ``ci95_by_subject``, of shares of pairs only, resamples subjects as the other tables do: it is the one
    that speaks of subjects that were not asked about, and None where there is only one subject.
    """

    share: Number
    count: Number
    of: int
    ci95: Interval | None = None
    ci95_by_subject: Interval | None = None


class Preference(_Frozen):
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


class Strength(_Frozen):
    """A method's Bradley-Terry strength (log odds, summing to 0 over the study's methods).

    ``strength`` is None where no finite fit exists: a method, or a group of them, that won all or
    lost all of its comparisons with the others, or was never compared with them.
    """

    study: str
    method: str
    strength: Number | None = None
    ci95: Interval | None = None


class Correlations(Scope):
    """A whole analysis: the fields of ``Scope`` for all methods pooled, and the same for each method.

    ``source`` says what was analysed; ``left_out_by`` counts the images left out by the reason; ``paper``
    is the DreamBooth paper's Pearson correlation by metric and ``paper_preferences`` its Table 2 by study,
    both of its own votes on its own images. ``comparison`` is None where DINO, CLIP-I or the human score
    of subject fidelity is missing or does not vary.
    """

    source: str
    metrics: tuple[str, ...]
    humans: tuple[str, ...]
    comparison: Comparison | None = None
    left_out_by: dict[str, int] = {}
    methods: dict[str, Scope] = {}
    preferences: tuple[Preference, ...] = ()
    strengths: tuple[Strength, ...] = ()
    paper: dict[str, Number] = {}
    paper_preferences: dict[str, dict[str, Number]] = {}
    notes: tuple[str, ...] = ()
