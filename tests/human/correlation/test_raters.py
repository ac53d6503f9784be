"""Agreement of raters and the bound it sets, against published examples and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from dreambench.human.correlation.raters import agreement, upper_bound

NAN = np.nan
# Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), example D: 4 observers, 12 units.
PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
).T


def test_alpha_of_the_published_example() -> None:
    found = agreement("sc", PUBLISHED, np.arange(12))
    assert found.alpha == pytest.approx(0.815, abs=5e-4)
    assert (found.n, found.raters) == (11, 4)  # the last unit has one value: nothing to agree with
    assert found.ci95 is not None
    assert found.ci95[0] < 0.815 < found.ci95[1]


def test_alpha_by_hand() -> None:
    # Two raters, units (0,0) (0,0) (1,1) (0,1): coincidences o00 = 4, o11 = 2, o01 = 1 each way, n = 8,
    # n0 = 5, n1 = 3. With two values every level of measurement is the nominal one:
    # alpha = 1 - (n - 1) (o01 + o10) / (2 n0 n1) = 1 - 7 * 2 / 30.
    ratings = np.array([[0.0, 0], [0, 0], [1, 1], [0, 1]])
    assert agreement("sc", ratings, np.arange(4)).alpha == pytest.approx(1 - 14 / 30, abs=1e-12)


def test_alpha_is_ordinal() -> None:
    # Far values disagree more than near ones, by how many ratings lie between, not by how far they are.
    near = np.array([[0, 0], [0.5, 0.5], [1, 1], [0, 0.5], [0.5, 1], [0, 0]])
    far = near.copy()
    far[3], far[4] = (0, 1), (1, 0)
    stretched = np.where(near == 1, 100, near)
    one, other, same = (agreement("x", r, np.arange(6)).alpha for r in (near, far, stretched))
    assert one is not None
    assert other is not None
    assert one > other
    assert same == pytest.approx(one, abs=1e-12)


def test_alpha_of_perfect_agreement_and_of_no_variation() -> None:
    assert agreement("x", np.array([[0.0, 0], [1, 1], [0, 0]]), np.arange(3)).alpha == 1
    for ratings in (np.ones((3, 2)), np.full((3, 2), NAN), np.array([[0, NAN], [NAN, 1.0]])):
        found = agreement("x", ratings, np.arange(len(ratings)))
        assert (found.alpha, found.ci95) == (None, None)


def test_upper_bound_by_hand() -> None:
    # Rater a against the mean of b and c, and so on, each by numpy's own correlation.
    ratings = np.array([[0, 0.5, 0], [0.5, 0.5, 1], [1, 0.5, 1], [1, 1, 0.5], [0, 0, 0.5]])
    expected = {
        name: np.corrcoef(ratings[:, i], np.delete(ratings, i, axis=1).mean(axis=1))[0, 1]
        for i, name in enumerate("abc")
    }
    found = upper_bound("sc", ("a", "b", "c"), ratings, np.arange(5))
    assert found.by_rater == pytest.approx(expected, abs=1e-12)
    assert found.pearson == pytest.approx(sum(expected.values()) / 3, abs=1e-12)
    assert (found.n, found.raters) == (5, 3)
    assert found.pearson_ci95_bootstrap is not None


def test_upper_bound_of_raters_who_saw_different_images() -> None:
    # Raters a, b saw the first four images, c, d the others; c never varies, so c and d have no r.
    ratings = np.full((8, 4), NAN)
    ratings[:4, 0], ratings[:4, 1] = (0, 0.5, 1, 1), (0, 1, 0.5, 1)
    ratings[4:, 2], ratings[4:, 3] = 0.5, (0, 1, 0, 1)
    found = upper_bound("subject", ("a", "b", "c", "d"), ratings, np.arange(8))
    r = np.corrcoef(ratings[:4, 0], ratings[:4, 1])[0, 1]
    assert found.pearson == pytest.approx(r, abs=1e-12)
    assert found.by_rater == {"a": pytest.approx(r), "b": pytest.approx(r), "c": None, "d": None}
    assert found.raters == 2


def test_one_rater_has_no_bound() -> None:
    found = upper_bound("x", ("a",), np.array([[0.0], [1], [0.5]]), np.arange(3))
    assert (found.pearson, found.raters, found.n) == (None, 0, 0)
