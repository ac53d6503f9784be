"""Copies of a photo are found, and images of the subject that are not copies are not."""

from __future__ import annotations

import math

import pytest
import torch

from dreambench.errors import DreambenchError
from dreambench.metrics.image_similarity import cosine_similarities
from dreambench.spec.registries import get_metric


def photos() -> torch.Tensor:
    return torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.5, 0.0], [1.0, 0.0, 0.7]])


def test_a_copy_is_nearer_to_a_photo_than_photos_are_to_each_other():
    images = torch.stack([photos()[1] * 3, torch.tensor([0.0, 1.0, 1.0])])
    assert get_metric("copying").score(images, photos()) == [1.0, 0.0]


def test_an_image_as_near_as_the_closest_photos_is_no_copy_and_one_without_a_direction_has_no_score():
    axes = torch.eye(4)  # every cosine is exactly 0
    assert get_metric("copying").score(axes[3:], axes[:3]) == [0.0]
    found = get_metric("copying").score(torch.zeros(1, 4), axes[:3])
    assert math.isnan(found[0])  # scoring refuses it, naming the image
    assert math.isnan(get_metric("copying").score(axes[:1], torch.cat([axes[:2], torch.zeros(1, 4)]))[0])


def test_the_photos_themselves_are_not_copies_of_each_other():
    assert {value for *_, value in get_metric("copying").photo_pairs(photos())} == {0.0}
    for own in range(3):
        others = photos()[[i for i in range(3) if i != own]]
        image = photos()[own : own + 1]
        nearest = float(cosine_similarities(image, others).max())
        between = float(cosine_similarities(others[:1], others[1:]).max())
        assert get_metric("copying").score(image, others) == [float(nearest > between)]


def test_the_nearest_photo_is_the_highest_cosine():
    images = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    found = get_metric("nearest_photo").score(images, photos())
    assert found == pytest.approx(cosine_similarities(images, photos()).max(dim=1).values.tolist())


def test_the_bound_of_the_nearest_photo_is_that_of_photos_among_the_others():
    metric = get_metric("nearest_photo")
    others = [[i for i in range(3) if i != own] for own in range(3)]
    expected = [metric.score(photos()[own : own + 1], photos()[rest])[0] for own, rest in enumerate(others)]
    bound = [value for *_, value in metric.photo_pairs(photos())]
    assert sum(bound) / 3 == pytest.approx(sum(expected) / 3)
    assert metric.photo_pairs(photos()[:1]) == []


def test_one_photo_has_no_distance_to_another():
    with pytest.raises(DreambenchError, match="at least two photos"):
        get_metric("copying").score(photos(), photos()[:1])
