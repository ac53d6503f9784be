"""Bradley-Terry strengths of methods from pairwise votes: P(i beats j) = 1 / (1 + exp(s_j - s_i)).

Source: Bradley and Terry 1952; the maximum-likelihood fit is the package ``choix``'s.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from dreambench.analysis.paired import CONFIDENCE, LEAST
from dreambench.human.correlation.results import Strength, Unit
from dreambench.human.preferences import VALUES, independent_unit, sample_of
from dreambench.human.votes import STUDIES

Array = NDArray[np.float64]


def strengths(votes: pd.DataFrame) -> tuple[Strength, ...]:
    """Return each study's methods with their strength, the strongest first, from ``read_votes``'s frame.

    An undecided answer is half a win for each. The intervals allow for dependence between the answers about
    one subject, or about one sample with fewer than ``LEAST`` subjects: standard errors robust to it, times
    Student's t of the number of these units.
    """
    unit = independent_unit(votes, LEAST)
    votes = votes.assign(sample=sample_of(votes))
    asked = [study for study in STUDIES if (votes["study"] == study).any()]
    return tuple(row for study in asked for row in _study(study, votes[votes["study"] == study], unit))


def _study(study: str, rows: pd.DataFrame, unit: Unit) -> list[Strength]:
    from scipy.stats import t

    methods = sorted({*rows["method_a"], *rows["method_b"]})
    first = rows["method_a"].map(methods.index).to_numpy(dtype=int)
    second = rows["method_b"].map(methods.index).to_numpy(dtype=int)
    share = np.asarray(rows["answer"].map(VALUES), dtype=np.float64)
    wins = np.zeros((len(methods), len(methods)))
    np.add.at(wins, (first, second), share)
    np.add.at(wins, (second, first), 1 - share)
    fitted = fit(wins)
    if fitted is None:
        return [Strength(study=study, method=name) for name in methods]
    errors = standard_errors(fitted, first, second, share, rows[unit])
    half = t.ppf((1 + CONFIDENCE) / 2, rows[unit].nunique() - 1) * errors
    found = [
        Strength(
            study=study,
            method=name,
            strength=float(s),
            ci95=(float(s - h), float(s + h)) if np.isfinite(h) else None,
        )
        for name, s, h in zip(methods, fitted, half, strict=True)
    ]
    return sorted(found, key=lambda strength: -(strength.strength or 0))


def fit(wins: Array) -> Array | None:
    """Return the strengths (log odds, summing to 0) that maximize the likelihood of a matrix of wins.

    ``wins[i, j]`` is how often i beat j; halves are allowed. None where there are no finite ones: each
    method must have beaten every other one through some chain of wins (Ford 1957).
    """
    import choix
    from scipy.sparse.csgraph import connected_components

    parts, _ = connected_components(wins > 0, directed=True, connection="strong")
    if parts > 1:
        return None
    fitted = np.asarray(choix.ilsr_pairwise_dense(wins, max_iter=10_000, tol=1e-10), dtype=float)
    return fitted - fitted.mean()


def standard_errors(
    fitted: Array, first: NDArray[np.int_], second: NDArray[np.int_], share: Array, clusters: ArrayLike
) -> Array:
    """Return the standard errors of strengths, robust to dependence within clusters (Liang and Zeger 1986).

    ``share`` is the part of each vote that went to ``first``: 1, 0.5 or 0. NaN with fewer than 2
    clusters.
    """
    count = len(fitted)
    chance = 1 / (1 + np.exp(fitted[second] - fitted[first]))
    contrast = np.zeros((len(share), count))
    contrast[np.arange(len(share)), first] = 1
    contrast[np.arange(len(share)), second] = -1
    information = contrast.T @ (contrast * (chance * (1 - chance))[:, None])
    names, codes = np.unique(np.asarray(clusters), return_inverse=True)
    if len(names) < 2:
        return np.full(count, np.nan)
    scores = np.zeros((len(names), count))
    np.add.at(scores, codes, contrast * (share - chance)[:, None])
    # Of rank count - 1, because the strengths sum to 0. The zero eigenvalue is rounding noise that may exceed
    # numpy's own cutoff: the true ones are far above this one.
    inverse = np.linalg.pinv(information, rcond=1e-10, hermitian=True)
    spread = scores.T @ scores * len(names) / (len(names) - 1)
    return np.sqrt(np.diag(inverse @ spread @ inverse))
