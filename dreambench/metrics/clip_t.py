"""CLIP-T: the similarity of a generated image to its caption, by CLIP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dreambench.metrics.clip_i import ClipMetric
from dreambench.metrics.image_similarity import unit_vectors
from dreambench.spec.protocol_spec import ProtocolSpec

if TYPE_CHECKING:
    from torch import Tensor


class ClipT(ClipMetric):
    """Cosine of a CLIP image embedding with the text embedding of the image's caption.

    The caption is the prompt without the identifier, unless ``protocol.caption`` keeps it.
    """

    title = "CLIP-T"
    definition = "similarity of generated images to their prompt, by CLIP embeddings"
    source = "Ruiz et al. 2023 (DreamBooth), section 4.1"
    compares = "caption"
    rank = 3
    standard = by_default = True

    def signature(self, protocol: ProtocolSpec) -> Mapping[str, str]:
        """Return the model with its weights, and the form of the captions."""
        return {**super().signature(protocol), "clip-t": protocol.caption}

    def score(self, images: Tensor, references: Tensor) -> list[float]:
        """Return the cosine of each image embedding [n, d] with its own caption's [n, d]."""
        return caption_cosines(images, references)


def caption_cosines(images: Tensor, captions: Tensor) -> list[float]:
    """Return the cosine, in [-1, 1], of each of n image embeddings with its own caption's, both [n, d].

    Raises ValueError where the two sets differ in shape.
    """
    if images.shape != captions.shape:
        raise ValueError(f"{list(images.shape)} images and {list(captions.shape)} captions do not match")
    cosines = (unit_vectors(images) * unit_vectors(captions)).sum(dim=1).clamp(-1, 1)
    return [float(value) for value in cosines]
