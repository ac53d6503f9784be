"""Areas of identity: by their definition, by hand, and the same number from both commands that print them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from dreambench.analysis import read_run_scores
from dreambench.analysis.claim_tests import identity_by_class
from dreambench.analysis.embedding_similarities import photo_embeddings
from dreambench.analysis.identity_areas import identity_areas
from dreambench.paths import data_folder
from dreambench.runs.tell_apart import tell_apart
from dreambench.store import open_run
from tests.executors.material import Silent


def test_an_area_is_the_share_of_comparisons_that_a_subjects_pairs_win():
    dice = np.random.default_rng(0)
    owner = ["a"] * 4 + ["b"] * 3 + ["c"] * 2
    scores = dice.integers(0, 6, (9, 9))  # ties among them
    pairs = [(i, j, float(scores[i, j])) for i, j in combinations(range(9), 2)]
    areas = identity_areas(pairs, owner)
    assert list(areas.index) == ["a", "b", "c"]
    for subject in "abc":
        touching = [(owner[i], owner[j], score) for i, j, score in pairs if subject in (owner[i], owner[j])]
        same = [score for a, b, score in touching if a == b]
        other = [score for a, b, score in touching if a != b]
        won = [(x > y) + 0.5 * (x == y) for x in same for y in other]
        assert areas[subject] == pytest.approx(np.mean(won))


@pytest.mark.parametrize(("apart", "expected"), [(1.0, 1.0), (0.0, 0.5)])
def test_the_areas_of_a_perfect_and_of_a_blind_metric(apart: float, expected: float):
    owner = ["a", "a", "b", "b"]
    pairs = [(i, j, apart * (owner[i] == owner[j])) for i, j in combinations(range(4), 2)]
    assert identity_areas(pairs, owner).to_dict() == {"a": expected, "b": expected}


def test_pairs_of_two_strangers_say_nothing_of_a_subject():
    """b and c are alike, and a is apart: a's area is 1, whatever the similarity of b and c."""
    owner = ["a", "a", "b", "c"]
    pairs = [(0, 1, 0.5), (0, 2, 0.1), (0, 3, 0.1), (1, 2, 0.1), (1, 3, 0.1), (2, 3, 0.9)]
    assert identity_areas(pairs, owner).to_dict() == {"a": 1.0}  # b and c have a single photo


def test_a_subject_without_others_of_its_class_has_no_area():
    assert identity_areas([(0, 1, 1.0)], ["a", "a"]).empty


def test_classes_by_hand():
    """a's photos agree (cosine 1) and b's do not (0); across, half of a pairs with b's first photo."""
    a, b = np.array([[1.0, 0], [1, 0]]), np.array([[2.0, 0], [0, 1]])
    found = identity_by_class({"a": a, "b": b, "c": a}, {"a": "dog", "b": "dog", "c": "cat"})
    # a: same 1 against 1, 0, 1, 0: wins twice, ties twice. b: same 0 against the same four.
    assert found.to_dict() == {"dog": (0.75 + 0.25) / 2}


def test_the_photos_command_and_the_claim_print_one_number():
    folder = data_folder().parent / "results" / "tables" / "mini" / "comparison" / "dreambooth-s0"
    (run,) = read_run_scores([open_run(folder)])
    (dino, clip) = tell_apart("mini", metrics=["dino", "clip_i"], reporter=Silent()).metrics
    for kind, found in (("dino", dino), ("clip", clip)):
        claimed = identity_by_class(photo_embeddings(run, kind), run.record.subjects)
        assert found.classes == pytest.approx(claimed.to_dict(), abs=1e-3)
        assert found.auc == pytest.approx(claimed.mean(), abs=1e-3)
