"""Bradley-Terry strengths: by hand, from wins that known strengths made, and their intervals."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from dreambench.human.bradley_terry import fit, standard_errors, strengths
from dreambench.human.preference_table import preference_table
from dreambench.human.votes import read_votes
from tests.human.material import four_pairs, vote, votes_on_pairs, write_votes


def test_two_methods_differ_by_the_log_odds(tmp_path: Path) -> None:
    votes = read_votes(write_votes(tmp_path / "votes.csv", four_pairs()))
    first, second = strengths(votes)
    assert (first.method, second.method) == ("ours", "theirs")
    assert first.strength == pytest.approx(math.log(8.5 / 3.5) / 2, abs=1e-8)
    assert second.strength == pytest.approx(-math.log(8.5 / 3.5) / 2, abs=1e-8)
    assert first.ci95 is not None
    assert first.ci95[0] < (first.strength or 0) < first.ci95[1]


def test_the_baseball_league_as_agresti_prints_it() -> None:
    # American League 1987, wins of the row over the column (Agresti, Categorical Data Analysis, section
    # 10.6): strengths 1.58 1.44 1.29 1.25 1.11 0.68 against Baltimore's 0.
    wins = np.array(
        [
            [0, 7, 9, 7, 7, 9, 11],
            [6, 0, 7, 5, 11, 9, 9],
            [4, 6, 0, 7, 7, 8, 12],
            [6, 8, 6, 0, 6, 7, 10],
            [6, 2, 6, 7, 0, 7, 12],
            [4, 4, 5, 6, 6, 0, 6],
            [2, 4, 1, 3, 1, 7, 0],
        ],
        dtype=float,
    )
    fitted = fit(wins)
    assert fitted is not None
    assert fitted - fitted[-1] == pytest.approx([1.58, 1.44, 1.29, 1.25, 1.11, 0.68, 0], abs=0.006)


def test_standard_error_of_independent_votes_is_the_classical_one() -> None:
    # Two methods, 30 wins of 40: the log odds' variance is 1 / (n p q), a strength's a quarter of it; the
    # robust one has the factor G / (G - 1) for G = 40 clusters of one vote each.
    share = np.r_[np.ones(30), np.zeros(10)]
    first, second = np.zeros(40, int), np.ones(40, int)
    half = math.log(3) / 2
    errors = standard_errors(np.array([half, -half]), first, second, share, np.arange(40))
    assert errors == pytest.approx(math.sqrt(1 / (40 * 0.75 * 0.25) / 4 * 40 / 39), abs=1e-12)


def test_copies_of_a_vote_about_a_sample_do_not_narrow_the_interval() -> None:
    share = np.r_[np.ones(30), np.zeros(10)]
    zeros, half = np.zeros(40, int), math.log(3) / 2
    fitted = np.array([half, -half])
    once = standard_errors(fitted, zeros, zeros + 1, share, np.arange(40))
    thrice = standard_errors(
        fitted, np.zeros(120, int), np.ones(120, int), np.repeat(share, 3), np.repeat(np.arange(40), 3)
    )
    assert thrice == pytest.approx(once, abs=1e-12)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("count", [3, 4])
def test_standard_errors_are_those_of_count_minus_1_free_strengths(count: int) -> None:
    # The last strength is minus the sum of the others, so nothing is singular: the sandwich needs no pinv.
    rng = np.random.default_rng(0)
    free = np.vstack([np.eye(count - 1), -np.ones(count - 1)])
    for _ in range(60):
        first = rng.integers(0, count, 600)
        second = (first + rng.integers(1, count, 600)) % count
        share, clusters = rng.choice([0, 0.5, 1], 600), np.arange(600) // 8
        wins = np.zeros((count, count))
        np.add.at(wins, (first, second), share)
        np.add.at(wins, (second, first), 1 - share)
        fitted = fit(wins)
        assert fitted is not None
        chance = 1 / (1 + np.exp(fitted[second] - fitted[first]))
        design = free[first] - free[second]
        inverse = np.linalg.inv(design.T @ (design * (chance * (1 - chance))[:, None]))
        scores = (design * (share - chance)[:, None]).reshape(75, 8, -1).sum(axis=1)
        covariance = free @ inverse @ scores.T @ scores @ inverse @ free.T * 75 / 74
        errors = standard_errors(fitted, first, second, share, clusters)
        assert errors == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-6)


def test_no_fit_where_a_method_won_everything(tmp_path: Path) -> None:
    votes = read_votes(write_votes(tmp_path / "votes.csv", [vote(p, "r", "ours") for p in range(3)]))
    assert [(s.strength, s.ci95) for s in strengths(votes)] == [(None, None)] * 2
    assert preference_table(votes)[0].majority["ours"].share == 1


def test_the_interval_of_a_strength_by_hand() -> None:
    """Half the log odds; its error is Liang and Zeger's sandwich (1986), times t of 4 units."""
    rows = [("r1", "1", "a"), ("r2", "1", "a"), ("r1", "2", "b"), ("r2", "2", "b"), ("r1", "3", "a")]
    rows += [("r2", "3", "undecided"), ("r1", "4", "a"), ("r2", "4", "b")]
    ours, theirs = strengths(votes_on_pairs(rows))
    chance = 4.5 / 8
    by_sample = np.array([2, 0, 1.5, 1]) - 2 * chance  # what each sample has above its expectation
    variance = (by_sample**2).sum() * 4 / 3 / (8 * chance * (1 - chance)) ** 2  # of the log odds
    half = stats.t.ppf(0.975, 3) * math.sqrt(variance) / 2
    center = math.log(chance / (1 - chance)) / 2
    assert ours.ci95 == pytest.approx((center - half, center + half), abs=1e-8)
    assert theirs.ci95 == pytest.approx((-center - half, -center + half), abs=1e-8)


def test_strengths_from_a_single_sample_have_no_interval() -> None:
    for strength in strengths(votes_on_pairs([("r1", "1", "a"), ("r2", "1", "a"), ("r3", "1", "b")])):
        assert strength.strength is not None
        assert strength.ci95 is None


def test_bradley_terry_finds_the_strengths_that_made_the_wins() -> None:
    true = np.array([0.8, 0.1, -0.9])
    chance = 1 / (1 + np.exp(true[None] - true[:, None]))
    assert fit(1000 * chance * (1 - np.eye(3))) == pytest.approx(true, abs=1e-6)
