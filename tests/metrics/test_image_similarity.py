"""The pure cores of CLIP-I, DINO, PRES and CLIP-T on vectors whose cosines are known."""

from __future__ import annotations

import math

import pytest
import torch

from dreambench.metrics.clip_t import caption_cosines
from dreambench.metrics.image_similarity import (
    cosine_similarities,
    photo_pair_similarity,
    similarity_to_photos,
)

DIAGONAL = math.sqrt(0.5)


def test_mean_of_all_pairs_of_known_vectors():
    images = torch.tensor([[2.0, 0.0], [1.0, 1.0]])
    photos = torch.tensor([[5.0, 0.0], [0.0, 0.1], [-1.0, 0.0]])
    # (1 + 0 - 1) / 3 and (0.7071 + 0.7071 - 0.7071) / 3
    assert similarity_to_photos(images, photos) == pytest.approx([0.0, DIAGONAL / 3], abs=1e-12)


def test_a_cosine_of_equal_vectors_is_never_above_one():
    vectors = torch.randn(200, 7, generator=torch.Generator().manual_seed(0))
    units = vectors.double() / vectors.double().norm(dim=1, keepdim=True)
    assert (units @ units.T).max() > 1  # by rounding
    cosines = cosine_similarities(vectors, vectors)
    assert cosines.max() == 1
    assert cosine_similarities(vectors, -vectors).min() == -1


def test_photo_pairs_are_all_pairs_without_self_pairs():
    photos = torch.tensor([[1.0, 0.0], [0.0, 3.0], [2.0, 2.0]])
    pairs = photo_pair_similarity(photos)
    assert [(i, j) for i, j, _ in pairs] == [(0, 1), (0, 2), (1, 2)]
    assert [value for _, _, value in pairs] == pytest.approx([0.0, DIAGONAL, DIAGONAL], abs=1e-12)
    assert photo_pair_similarity(photos[:1]) == []


def test_caption_similarity_pairs_rows():
    images = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    captions = torch.tensor([[1.0, 1.0], [0.0, -4.0]])
    assert caption_cosines(images, captions) == pytest.approx([DIAGONAL, -1.0], abs=1e-12)


def test_length_and_order_do_not_matter():
    torch.manual_seed(0)
    images, photos = torch.randn(5, 16), torch.randn(4, 16)
    order = torch.tensor([3, 1, 0, 2])
    plain = similarity_to_photos(images, photos)
    assert similarity_to_photos(images * 7, photos[order] * 0.1) == pytest.approx(plain, abs=1e-7)
    assert similarity_to_photos(photos, photos[:1])[0] == pytest.approx(1.0, abs=1e-15)
    assert float(cosine_similarities(images, photos).abs().max()) <= 1.0


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="at least one photo"):
        similarity_to_photos(torch.ones(2, 4), torch.empty(0, 4))
    with pytest.raises(ValueError, match="do not match"):
        caption_cosines(torch.ones(2, 4), torch.ones(3, 4))
    with pytest.raises(ValueError, match=r"\[n, d\]"):
        cosine_similarities(torch.ones(4), torch.ones(2, 4))
