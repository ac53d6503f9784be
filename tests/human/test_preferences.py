"""Votes to normalized preferences and Table 2, counted by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from dreambench.errors import DreambenchError
from dreambench.human.bradley_terry import strengths
from dreambench.human.preference_table import paper_preferences, preference_table
from dreambench.human.preferences import rated_images
from dreambench.human.score_files import ImageScores
from dreambench.human.votes import read_votes
from tests.human.material import four_pairs, vote, votes_on_pairs, write_votes


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


def test_the_interval_of_a_share_of_answers_is_a_ratio_over_samples() -> None:
    """Samples have 1 to 6 answers: a resample with more answers has no more than its share of them."""
    dice = np.random.default_rng(3)
    counts = dice.integers(1, 7, 40)
    cast = [
        (f"r{r}", f"{s}", "a" if dice.random() < 0.7 else "b") for s, n in enumerate(counts) for r in range(n)
    ]
    (found,) = preference_table(votes_on_pairs(cast))
    wins = np.array([sum(answer == "a" for _, p, answer in cast if p == str(s)) for s in range(40)])
    drawn = dice.integers(0, 40, (20_000, 40))
    shares = wins[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    assert found.win_rate.share == pytest.approx(wins.sum() / counts.sum())
    assert found.win_rate.ci95 == pytest.approx(tuple(np.quantile(shares, [0.025, 0.975])), abs=0.01)
    assert found.answers["ours"].ci95 == found.win_rate.ci95


def test_the_share_of_pairs_over_subjects_is_a_ratio_too() -> None:
    """Subjects have 1 to 6 pairs: a resample with more pairs has no more than its share of them."""
    dice = np.random.default_rng(5)
    counts = dice.integers(1, 7, 30)
    names = np.repeat(np.arange(30), counts)
    answers = np.where(dice.random(len(names)) < 0.7, "a", "b")
    cast = votes_on_pairs([("r1", str(i), answer) for i, answer in enumerate(answers)])
    (found,) = preference_table(cast.assign(subject=[f"s{name}" for name in names]))
    wins = np.bincount(names, answers == "a")
    drawn = dice.integers(0, 30, (20_000, 30))
    shares = wins[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    expected = tuple(np.quantile(shares, [0.025, 0.975]))
    assert found.majority["ours"].ci95_by_subject == pytest.approx(expected, abs=0.01)
