"""CLIP-T: cosine similarity of an image and its caption.

Source: DreamBooth paper, section 4.1.
"""

from __future__ import annotations

from torch import Tensor

from dreambench.metrics.image_similarity import unit_vectors


def caption_cosines(images: Tensor, captions: Tensor) -> list[float]:
    """Return the cosine, in [-1, 1], of each of n image embeddings with its own caption's, both [n, d].

    Raises ValueError where the two sets differ in shape.
    """
    if images.shape != captions.shape:
        raise ValueError(f"{list(images.shape)} images and {list(captions.shape)} captions do not pair up")
    cosines = (unit_vectors(images) * unit_vectors(captions)).sum(dim=1).clamp(-1, 1)
    return [float(value) for value in cosines]
