"""How well the shipped scorers do: telling subjects of one class apart, and finding captions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image
from torch import Tensor

from dreambench.metrics.encoders import ProtocolEncoders
from dreambench.metrics.image_similarity import cosine_similarities, unit_vectors
from dreambench.models.encoders.image_encoder import ImageEncoder
from miniature.train.data import render_shard
from miniature.train.train_dino import identity_renderings, same_class_auc

_BATCH = 128


def embedded(encoder: ImageEncoder, images: np.ndarray) -> Tensor:
    """Return an encoder's raw embeddings [n, d] of uint8 images [n, 64, 64, 3]."""
    import torch

    pictures = [Image.fromarray(image) for image in images]
    parts = [encoder.embed_images(pictures[i : i + _BATCH]) for i in range(0, len(pictures), _BATCH)]
    return torch.cat(parts)


def identity_aucs(
    encoders: ProtocolEncoders, subjects: int, seed: int, augment: Callable[[np.ndarray], np.ndarray]
) -> dict[str, float]:
    """Return how well DINO and CLIP-I tell a subject from others of its class, on new renderings.

    Areas under the ROC curve over pairs of pictures within a class (``subjects`` of each, four pictures
    each); ``soft`` ones after ``augment``, as generated images look.
    """
    images, *numbers = identity_renderings(seed, subjects)
    figures = {}
    for suffix, pictures in (("", images), (" (soft)", augment(images))):
        for name, encoder in (("dino", encoders.load("dino")), ("clip_i", encoders.load("clip"))):
            units = unit_vectors(embedded(encoder, pictures)).numpy()
            figures[name + suffix] = same_class_auc(units, *numbers)
    return figures


def caption_retrieval(encoders: ProtocolEncoders, seed: int, draws: int = 10, among: int = 100) -> float:
    """Return how often a new rendering finds its caption among 100 that all differ."""
    right = total = 0
    for index in range(draws):
        shard = render_shard("evaluate", seed, 500 + index, 2 * among)
        texts = shard.captions[:, 1]
        kept = np.sort(np.unique(texts, return_index=True)[1])[:among]
        told = encoders.load("clip").embed_texts(texts[kept].tolist())
        cosines = cosine_similarities(embedded(encoders.load("clip"), shard.images[kept]), told)
        right += int((cosines.argmax(1).numpy() == np.arange(len(kept))).sum())
        total += len(kept)
    return right / total
