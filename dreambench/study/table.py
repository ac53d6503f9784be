"""Table 2: whom the raters prefer, by majority vote per pair, with intervals. Pure: votes in, numbers out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from dreambench.analysis.interval import CONFIDENCE, RESAMPLES, SEED
from dreambench.study.plan import StudyName
from dreambench.study.votes import Preferred, Vote

if TYPE_CHECKING:
    from numpy.typing import NDArray

OUTCOMES: tuple[Preferred, ...] = ("a", "b", "undecided")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Share(_Frozen):
    """How many pairs had an outcome, and which share of all answered pairs (0 to 1).

    ``ci95`` is Wilson's interval, which takes the pairs for independent draws. ``ci95_by_subject``
    resamples subjects, as the other tables do: it is the one that speaks of new subjects, and None
    where there is only one.
    """

    pairs: int
    share: float
    ci95: tuple[float, float]
    ci95_by_subject: tuple[float, float] | None


class Preference(_Frozen):
    """One study's row: outcomes by pair, and the plain counts of votes. ``a`` is the first run."""

    study: StudyName
    pairs: int
    votes: dict[Preferred, int]
    a: Share
    b: Share
    undecided: Share

    @property
    def votes_total(self) -> int:
        """How many votes were given."""
        return sum(self.votes.values())


def majority(answers: Iterable[Preferred]) -> Preferred:
    """Return the answer that more raters gave than any other; a tie is "undecided".

    With three raters that is the paper's majority vote; a 1-1-1 split has none. Raises ValueError for
    no answers.
    """
    ranked = Counter(answers).most_common()
    if not ranked:
        raise ValueError("no answers, no majority")
    return "undecided" if len(ranked) > 1 and ranked[0][1] == ranked[1][1] else ranked[0][0]


def preference(study: StudyName, votes: Sequence[Vote]) -> Preference | None:
    """Return the row of one study, or None where nobody answered yet. Votes of other studies are left out.

    Source: DreamBooth paper, section 4.2, Table 2.
    """
    votes = [vote for vote in votes if vote.study == study]
    if not votes:
        return None
    answers: dict[str, list[Preferred]] = defaultdict(list)
    subjects: dict[str, str] = {}
    for vote in votes:
        answers[vote.pair].append(vote.answer)
        subjects[vote.pair] = vote.subject
    outcomes = {pair: majority(given) for pair, given in sorted(answers.items())}
    counts = Counter(vote.answer for vote in votes)
    shares = {outcome: _share(outcome, outcomes, subjects) for outcome in OUTCOMES}
    by_outcome = {outcome: counts[outcome] for outcome in OUTCOMES}
    return Preference(study=study, pairs=len(outcomes), votes=by_outcome, **shares)


def _share(outcome: Preferred, outcomes: dict[str, Preferred], subjects: dict[str, str]) -> Share:
    hits: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    for pair, found in outcomes.items():
        totals[subjects[pair]] += 1
        hits[subjects[pair]] += found == outcome
    names = sorted(totals)
    count, total = hits.total(), totals.total()
    return Share(
        pairs=count,
        share=count / total,
        ci95=wilson_interval(count, total),
        ci95_by_subject=_by_subject(
            np.array([hits[name] for name in names]), np.array([totals[name] for name in names])
        ),
    )


def wilson_interval(count: int, total: int) -> tuple[float, float]:
    """Return Wilson's 95% score interval of ``count`` in ``total`` (Wilson 1927); total is 1 or more."""
    from scipy.stats import binomtest

    interval = binomtest(count, total).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def _by_subject(hits: NDArray[np.int_], totals: NDArray[np.int_]) -> tuple[float, float] | None:
    from scipy.stats import bootstrap

    if len(totals) < 2:
        return None
    result = bootstrap(
        (hits, totals),
        lambda h, t, axis: h.sum(axis=axis) / t.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        random_state=np.random.default_rng(SEED),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)
