"""Metrics that tell subjects of a class apart: AUC by its definition, and the miniature's own."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dreambench.cli import main
from dreambench.errors import DreambenchError
from dreambench.runs.tell_apart import auc, tell_apart
from tests.executors.material import Silent


def test_auc_is_the_share_of_comparisons_that_are_won():
    dice = np.random.default_rng(0)
    owner = ["a"] * 4 + ["b"] * 3 + ["c"] * 2
    scores = dice.integers(0, 6, (9, 9))  # ties among them
    pairs = [(i, j, float(scores[i, j])) for i in range(9) for j in range(i + 1, 9)]
    same = [s for i, j, s in pairs if owner[i] == owner[j]]
    other = [s for i, j, s in pairs if owner[i] != owner[j]]
    won = [(a > b) + 0.5 * (a == b) for a in same for b in other]
    assert auc(pairs, owner) == pytest.approx(np.mean(won))


@pytest.mark.parametrize(("apart", "expected"), [(1.0, 1.0), (0.0, 0.5)])
def test_auc_of_a_perfect_and_of_a_blind_metric(apart: float, expected: float):
    owner = ["a", "a", "b", "b"]
    pairs = [(i, j, apart * (owner[i] == owner[j])) for i in range(4) for j in range(i + 1, 4)]
    assert auc(pairs, owner) == expected


def test_the_miniatures_dino_knows_a_cat_among_cats(capsys):
    asked = ["correlate", "photos", "--preset", "mini", "--metrics", "dino,clip_i", "--json"]
    with pytest.raises(SystemExit) as ended:
        main(asked)
    assert ended.value.code == 0
    found = json.loads(capsys.readouterr().out)
    by_metric = {each["metric"]: each for each in found["metrics"]}
    assert set(by_metric["dino"]["classes"]) == {"backpack", "stuffed animal", "cat", "sneaker", "dog", "toy"}
    assert found["subjects"] == 21
    assert by_metric["dino"]["auc"] > 0.8
    low, high = by_metric["dino"]["ci95"]
    assert low < by_metric["dino"]["auc"] <= high <= 1


def test_a_dataset_without_two_subjects_of_a_class_is_refused():
    with pytest.raises(DreambenchError, match="no class has two subjects"):
        tell_apart("mini", subjects=["dog", "vase"], metrics=["dino"], reporter=Silent())
