"""Votes to normalized preferences, Table 2, and Bradley-Terry strengths, counted by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from dreambench.errors import DreambenchError
from dreambench.human.bradley_terry import fit, standard_errors, strengths
from dreambench.human.preference_table import paper_preferences, preference_table
from dreambench.human.preferences import rated_images
from dreambench.human.score_files import ImageScores
from dreambench.human.votes import read_votes
from tests.human.material import four_pairs, vote, write_votes


@pytest.fixture
def votes(tmp_path: Path) -> pd.DataFrame:
    return read_votes(write_votes(tmp_path / "votes.csv", four_pairs()))


def _scores(runs: tuple[str, ...] = ("ours", "theirs")) -> ImageScores:
    files = [f"images/dog/{pair:02d}-0.png" for pair in range(4)]
    rows = {(run, file): {"dino": 0.1 * i} for run in runs for i, file in enumerate(files)}
    return ImageScores(("dino",), rows)  # type: ignore[arg-type]


def test_an_images_score_is_the_share_of_its_pairs_votes(votes: pd.DataFrame) -> None:
    (rated,) = rated_images(votes, _scores())
    by_image = rated.images.set_index(["method", "pair"])["subject"].to_dict()
    ours = {"p0": 2 / 3, "p1": 2 / 3, "p2": 1 / 2, "p3": 1}
    expected = {("ours", pair): share for pair, share in ours.items()}
    expected |= {("theirs", pair): 1 - share for pair, share in ours.items()}
    assert by_image == pytest.approx(expected, abs=1e-12)
    assert (rated.humans, rated.metrics, rated.raters) == (("subject",), ("dino",), ("r0", "r1", "r2"))
    assert rated.left_out == {}


def test_images_without_scores_stay_and_are_counted(votes: pd.DataFrame) -> None:
    (rated,) = rated_images(votes, _scores(("ours",)))
    assert (len(rated.images), int(rated.complete.sum())) == (8, 4)
    assert rated.left_out == {"not in the scores: theirs": 4}
    with pytest.raises(DreambenchError, match=r"no image of the votes has scores.*images/dog/00-0\.png of"):
        rated_images(votes, _scores(("another",)))


def test_table_2_by_hand(votes: pd.DataFrame) -> None:
    (row,) = preference_table(votes)
    assert (row.study, row.method_a, row.method_b, row.pairs, row.raters) == (
        "subject",
        "ours",
        "theirs",
        4,
        3,
    )
    assert {name: share.count for name, share in row.majority.items()} == {
        "ours": 2, "theirs": 0, "undecided": 2
    }  # fmt: skip
    assert {name: share.count for name, share in row.answers.items()} == {
        "ours": 7, "theirs": 2, "undecided": 3
    }  # fmt: skip
    assert row.majority["ours"].share == 0.5
    assert row.win_rate.share == pytest.approx(8.5 / 12, abs=1e-12)
    assert row.win_rate.of == 12


@pytest.mark.parametrize(
    ("answers", "winner"),
    [
        ("aab", "ours"),
        ("abb", "theirs"),
        ("uua", "undecided"),
        ("abu", "undecided"),
        ("ab", "undecided"),
        ("au", "undecided"),
        ("a", "ours"),
        ("aabbu", "undecided"),
        ("aabu", "ours"),
    ],
)
def test_the_majority_is_the_single_answer_with_the_most_votes(
    answers: str, winner: str, tmp_path: Path
) -> None:
    named = {"a": "ours", "b": "theirs", "u": "undecided"}
    cast = [vote(0, f"r{rater}", named[letter]) for rater, letter in enumerate(answers)]
    (row,) = preference_table(read_votes(write_votes(tmp_path / "votes.csv", cast)))
    assert {name for name, share in row.majority.items() if share.count} == {winner}


def test_intervals_by_subject_are_wider_where_subjects_differ(votes: pd.DataFrame, tmp_path: Path) -> None:
    # Ten subjects with ten pairs each, five all won and five all lost: ten outcomes, not a hundred.
    cast = [
        vote(10 * subject + pair, "r", "ours" if subject < 5 else "theirs", subject=f"s/{subject}")
        for subject in range(10)
        for pair in range(10)
    ]
    (row,) = preference_table(read_votes(write_votes(tmp_path / "many.csv", cast)))
    assert row.majority["ours"].ci95 == pytest.approx((0.4038, 0.5962), abs=1e-3)
    assert row.majority["ours"].ci95_by_subject == pytest.approx((0.2, 0.8), abs=0.02)
    assert preference_table(votes)[0].majority["ours"].ci95_by_subject is None  # one subject


def test_wilsons_interval_by_hand(votes: pd.DataFrame) -> None:
    # 2 of 4: center 1/2, half width z sqrt(1/16 + z^2/64) / (1 + z^2/4).
    (row,) = preference_table(votes)
    z = float(norm.ppf(0.975))
    half = z * math.sqrt(1 / 16 + z * z / 64) / (1 + z * z / 4)
    assert row.majority["ours"].ci95 == pytest.approx((0.5 - half, 0.5 + half), abs=1e-9)


def test_shuffled_sides_and_rows_change_nothing(votes: pd.DataFrame, tmp_path: Path) -> None:
    straight = [{**row} for row in four_pairs()]
    rng = np.random.default_rng(1)
    turned = [
        vote(row["prompt_index"], row["rater"], answer, swapped=bool(rng.integers(2)))
        for row in straight
        for answer in [row["answer"] if row["answer"] == "undecided" else row[f"method_{row['answer']}"]]
    ]
    other = read_votes(write_votes(tmp_path / "other.csv", [turned[i] for i in rng.permutation(12)]))
    assert preference_table(other) == preference_table(votes)
    one, two = strengths(votes), strengths(other)
    assert [s.strength for s in one] == pytest.approx([s.strength for s in two], abs=1e-9)


def test_a_run_named_undecided_is_refused(votes: pd.DataFrame) -> None:
    with pytest.raises(DreambenchError, match="undecided"):
        preference_table(votes.replace("theirs", "undecided"))


def test_the_papers_table_2() -> None:
    assert paper_preferences() == {
        "subject": {"dreambooth": 0.68, "textual_inversion": 0.22, "undecided": 0.10},
        "prompt": {"dreambooth": 0.81, "textual_inversion": 0.12, "undecided": 0.07},
    }


def test_two_methods_differ_by_the_log_odds(votes: pd.DataFrame) -> None:
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
