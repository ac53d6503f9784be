"""Table 2 from votes, against counts and intervals that were worked out by hand."""

from __future__ import annotations

import pytest

from dreambench.study.table import majority, preference, wilson_interval
from dreambench.study.votes import Vote


def vote(pair: int, rater: int, answer: str, study: str = "subject", subject: str = "ant") -> Vote:
    """Return a vote of which only the pair, the rater and the answer matter."""
    named = (f"{study}-{pair:04d}", subject, 0, "a.png", "b.png", "ours", "theirs", answer, 1.0)
    return Vote(study, f"r{rater}", *named)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ("aab", "a"),
        ("abb", "b"),
        ("uua", "undecided"),
        ("abu", "undecided"),
        ("ab", "undecided"),
        ("au", "undecided"),
        ("a", "a"),
        ("aabbu", "undecided"),
        ("aabu", "a"),
    ],
)
def test_majority(answers: str, found: str) -> None:
    assert majority([{"u": "undecided"}.get(letter, letter) for letter in answers]) == found


def test_no_answers_have_no_majority() -> None:
    with pytest.raises(ValueError, match="no answers"):
        majority([])


def test_shares_are_of_pairs_and_not_of_votes() -> None:
    # Pair 0: a a b; pair 1: b b b; pair 2: a u u; pair 3: a a a. Votes: 6 a, 4 b, 2 undecided.
    given = {0: "aab", 1: "bbb", 2: "auu", 3: "aaa"}
    votes = [
        vote(pair, rater, {"u": "undecided"}.get(letter, letter))
        for pair, letters in given.items()
        for rater, letter in enumerate(letters)
    ]
    row = preference("subject", [*votes, vote(9, 0, "a", study="prompt")])
    assert row is not None
    assert row.pairs == 4
    assert row.votes == {"a": 6, "b": 4, "undecided": 2}
    assert [row.a.pairs, row.b.pairs, row.undecided.pairs] == [2, 1, 1]
    assert [row.a.share, row.b.share, row.undecided.share] == [0.5, 0.25, 0.25]
    assert row.a.ci95_by_subject is None  # one subject
    assert preference("prompt", votes) is None


def test_wilson_by_hand() -> None:
    # z = 1.959964, z^2 = 3.841459. 8 of 10: centre (0.8 + 0.19207) / 1.38415 = 0.71675, half width
    # 1.959964 * sqrt(0.8 * 0.2 / 10 + 3.841459 / 400) / 1.38415 = 0.22659.
    assert wilson_interval(8, 10) == pytest.approx((0.49016, 0.94333), abs=2e-5)
    low, high = wilson_interval(0, 3)
    assert (low, round(high, 4)) == (0.0, 0.5615)  # 3.841459 / (3 + 3.841459)


def test_intervals_by_subject_are_wider_where_subjects_differ() -> None:
    # Ten subjects with ten pairs each, five all won and five all lost: ten outcomes, not a hundred.
    votes = [
        vote(10 * subject + pair, 0, "a" if subject < 5 else "b", subject=f"s{subject}")
        for subject in range(10)
        for pair in range(10)
    ]
    row = preference("subject", votes)
    assert row is not None
    assert row.a.ci95 == pytest.approx((0.4038, 0.5962), abs=1e-3)
    assert row.a.ci95_by_subject == pytest.approx((0.2, 0.8), abs=0.02)
