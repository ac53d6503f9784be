"""Metrics that tell subjects of a class apart: the miniature's own."""

from __future__ import annotations

import json

import pytest

from dreambench.cli import main
from dreambench.errors import DreambenchError
from dreambench.metrics.dino import Dino
from dreambench.runs import tell_apart as module
from dreambench.runs.tell_apart import tell_apart
from tests.executors.material import Silent


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


class DinoDistance(Dino):
    distance = True

    def photo_pairs(self, photos):
        return [(i, j, 1 - value) for i, j, value in super().photo_pairs(photos)]


def test_a_distance_tells_as_much_as_the_similarity_that_it_is_of(monkeypatch):
    asked = {"subjects": ["cat", "cat2"], "metrics": ["dino"], "reporter": Silent()}
    similarity = tell_apart("mini", **asked)
    monkeypatch.setattr(module, "get_metric", lambda name: DinoDistance())
    assert tell_apart("mini", **asked) == similarity
    assert similarity.metrics[0].auc > 0.6
