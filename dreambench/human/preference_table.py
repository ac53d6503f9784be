"""The paper's Table 2: which of two methods the raters prefer, by majority vote, with intervals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dreambench.analysis.paired import CONFIDENCE
from dreambench.errors import DreambenchError
from dreambench.human.correlation.resampling import cluster_counts, joined, percentile_interval
from dreambench.human.correlation.results import Preference, Share
from dreambench.human.preferences import image_votes
from dreambench.human.votes import STUDIES
from dreambench.literature.published import published

UNDECIDED = "undecided"
_PAPER = {"subject": "subject-fidelity", "prompt": "prompt-fidelity"}


def preference_table(votes: pd.DataFrame) -> tuple[Preference, ...]:
    """Return one row per study and two methods (in alphabetical order), from ``read_votes``'s frame.

    A pair's majority is the answer with the most votes; a tie for the most is undecided, as three
    raters with three different answers are. The interval of a share of pairs is Wilson's; that of a
    share of answers, and of the win rate, is the bootstrap's over samples, for the answers to one pair
    are not independent. Raises DreambenchError where a method is named "undecided".
    """
    if (votes[["method_a", "method_b"]] == UNDECIDED).any(axis=None):
        raise DreambenchError('a method of the votes is named "undecided"', "give that run another name")
    rows = _tallies(votes)
    found = []
    for study in STUDIES:
        chosen = rows[rows["study"] == study]
        for (first, second), tallies in chosen.groupby(["first", "second"]):
            raters = votes.loc[
                (votes["study"] == study) & votes["pair"].isin(tallies["pair"]), "rater"
            ].nunique()
            found.append(_preference(study, str(first), str(second), tallies, int(raters)))
    return tuple(found)


def paper_preferences() -> Mapping[str, Mapping[str, float]]:
    """Return the paper's Table 2 by study: shares of dreambooth, textual_inversion and undecided."""
    return {study: published().table(2).row(name).values for study, name in _PAPER.items()}


def _tallies(votes: pd.DataFrame) -> pd.DataFrame:
    """Return one row per study and pair: its methods in order, and the answers for each and for neither."""
    rows = image_votes(votes)
    names = rows.groupby(["study", "pair"])["method"].agg(["min", "max"])
    rows = rows.join(names, on=["study", "pair"])
    rows = rows[rows["method"] == rows["min"]]
    counts = rows.assign(
        wins=(rows["value"] == 1).astype(int),
        ties=(rows["value"] == 0.5).astype(int),
        losses=(rows["value"] == 0).astype(int),
    )
    keys = ["study", "pair", "sample", "min", "max"]
    summed = counts.groupby(keys, as_index=False)[["wins", "ties", "losses"]].sum()
    return summed.rename(columns={"min": "first", "max": "second"})


def _preference(study: str, first: str, second: str, tallies: pd.DataFrame, raters: int) -> Preference:
    answers = tallies[["wins", "losses", "ties"]].to_numpy(dtype=float)
    most = answers == answers.max(axis=1, keepdims=True)
    decided = most.sum(axis=1) == 1
    majority = np.where(decided, most.argmax(axis=1), 2)
    names = (first, second, UNDECIDED)
    clusters = tallies["sample"].to_numpy()
    subjects = tallies["sample"].str.rsplit("/", n=1).str[0].to_numpy()
    total = answers.sum(axis=1)
    win = answers[:, 0] + answers[:, 2] / 2
    return Preference(
        study=study,
        method_a=first,
        method_b=second,
        pairs=len(tallies),
        raters=raters,
        majority={name: _pairs_share(majority == i, subjects) for i, name in enumerate(names)},
        answers={name: _answers_share(answers[:, i], total, clusters) for i, name in enumerate(names)},
        win_rate=_answers_share(win, total, clusters),
    )


def _pairs_share(hits: np.ndarray, subjects: np.ndarray) -> Share:
    from scipy.stats import binomtest

    count, of = int(hits.sum()), len(hits)
    interval = binomtest(count, of).proportion_ci(CONFIDENCE, method="wilson")
    draws = joined([(counts @ hits) / counts.sum(axis=1) for counts in cluster_counts(subjects)])
    return Share(
        share=count / of,
        count=count,
        of=of,
        ci95=(float(interval.low), float(interval.high)),
        ci95_by_subject=percentile_interval(draws),
    )


def _answers_share(parts: np.ndarray, totals: np.ndarray, clusters: np.ndarray) -> Share:
    draws = joined([(counts @ parts) / (counts @ totals) for counts in cluster_counts(clusters)])
    return Share(
        share=float(parts.sum() / totals.sum()),
        count=float(parts.sum()),
        of=int(totals.sum()),
        ci95=percentile_interval(draws),
    )
