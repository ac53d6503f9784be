"""Table 2 of the paper: which of two methods the raters prefer, by majority vote, with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from dreambench.analysis.paired import CONFIDENCE
from dreambench.errors import DreambenchError
from dreambench.human.correlation.resampling import cluster_counts, joined, percentile_interval
from dreambench.human.correlation.results import Preference, Share, Unit
from dreambench.human.preferences import image_votes, independent_unit
from dreambench.human.votes import STUDIES
from dreambench.literature.published import published

UNDECIDED = "undecided"
HEAD = ("Study", "A", "B", "pairs", "prefers A", "prefers B", "undecided", "A's win rate", "answers")
PAPER_METHODS = {"dreambooth": "DreamBooth", "textual_inversion": "Textual Inversion"}
_PAPER_PAIRS, _PAPER_ANSWERS = 600, 1800  # per study (paper, section 4.2)


def preference_table(votes: pd.DataFrame) -> tuple[Preference, ...]:
    """Return one row per study and two methods (in alphabetical order), from ``read_votes``'s frame.

    A pair's majority is the answer with the most votes; a tie for the most is undecided, and so are three
    raters with three different answers. The interval of a share of pairs is Wilson's. That of a share of
    answers, and of the win rate, is the bootstrap's over subjects, or over samples where there are few
    (``independent_unit``), because the answers about one subject are not independent.

    Raises DreambenchError where a method is named "undecided".
    """
    if (votes[["method_a", "method_b"]] == UNDECIDED).any(axis=None):
        raise DreambenchError('a method of the votes is named "undecided"', "rename that run")
    rows, unit = _tallies(votes), independent_unit(votes)
    found = []
    for study in STUDIES:
        chosen = rows[rows["study"] == study]
        for (first, second), tallies in chosen.groupby(["first", "second"]):
            raters = votes.loc[
                (votes["study"] == study) & votes["pair"].isin(tallies["pair"]), "rater"
            ].nunique()
            found.append(_preference(study, str(first), str(second), tallies, unit, int(raters)))
    return tuple(found)


def paper_preferences() -> Mapping[str, Mapping[str, float]]:
    """Return the paper's Table 2 by study: shares of dreambooth, textual_inversion and undecided."""
    return {study: published().table(2).row(f"{study}-fidelity").values for study in STUDIES}


def preference_rows(preferences: Iterable[Preference]) -> list[tuple[str, ...]]:
    """Return our rows of Table 2 as text, in the order of ``HEAD``."""
    found = []
    for row in preferences:
        shares = (row.majority[name] for name in (row.method_a, row.method_b, UNDECIDED))
        cells = (*map(_percent, shares), _percent(row.win_rate), f"{row.win_rate.of:,}")
        found.append((f"{row.study} fidelity", row.method_a, row.method_b, f"{row.pairs:,}", *cells))
    return found


def paper_row(study: str, values: Mapping[str, float], swapped: bool = False) -> tuple[str, ...]:
    """Return the paper's row of Table 2 as text; ``swapped`` has DreamBooth as B."""
    names = list(PAPER_METHODS)[::-1] if swapped else list(PAPER_METHODS)
    methods = (f"{PAPER_METHODS[name]}, paper" for name in names)
    shares = (f"{100 * values[name]:.0f}%" for name in (*names, UNDECIDED))
    return (f"{study} fidelity", *methods, f"{_PAPER_PAIRS:,}", *shares, "", f"{_PAPER_ANSWERS:,}")


def _percent(share: Share) -> str:
    text = f"{100 * share.share:.1f}%"
    if share.ci95 is None:
        return text
    return f"{text} [{100 * share.ci95[0]:.1f}, {100 * share.ci95[1]:.1f}]"


def _tallies(votes: pd.DataFrame) -> pd.DataFrame:
    """Return one row per study and pair: its methods in order, and the answers for each and for neither."""
    rows = image_votes(votes)
    methods = rows.groupby(["study", "pair"])["method"].agg(first="min", second="max")
    rows = rows.join(methods, on=["study", "pair"])
    rows = rows[rows["method"] == rows["first"]]
    counts = rows.assign(wins=rows["value"] == 1, ties=rows["value"] == 0.5, losses=rows["value"] == 0)
    keys = ["study", "pair", "subject", "sample", "first", "second"]
    return counts.groupby(keys, as_index=False)[["wins", "ties", "losses"]].sum()


def _preference(
    study: str, first: str, second: str, tallies: pd.DataFrame, unit: Unit, raters: int
) -> Preference:
    answers = tallies[["wins", "losses", "ties"]].to_numpy(dtype=float)
    most = answers == answers.max(axis=1, keepdims=True)
    decided = most.sum(axis=1) == 1
    majority = np.where(decided, most.argmax(axis=1), 2)
    names = (first, second, UNDECIDED)
    clusters, subjects = tallies[unit].to_numpy(), tallies["subject"].to_numpy()
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
        share=float(parts.sum()) / float(totals.sum()),
        count=float(parts.sum()),
        of=int(totals.sum()),
        ci95=percentile_interval(draws),
    )
