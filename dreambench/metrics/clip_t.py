"""CLIP-T: the similarity of a generated image to its caption, by CLIP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dreambench.metrics.clip_i import clip_fields, clip_weights, load_clip_encoder
from dreambench.metrics.image_similarity import unit_vectors
from dreambench.spec.metric import Metric
from dreambench.spec.protocol_spec import ClipSpec, ProtocolSpec

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from dreambench.models.encoders.clip_encoder import ClipEncoder
    from dreambench.spec.metric import WeightsFile


class ClipT(Metric):
    """Cosine of a CLIP image embedding with the text embedding of the image's caption.

    The caption is the prompt without the identifier, unless ``protocol.caption`` keeps it.
    """

    title = "CLIP-T"
    definition = "similarity of generated images to their prompt, by CLIP embeddings"
    source = "Ruiz et al. 2023 (DreamBooth), section 4.1"
    compares = "caption"
    encoder = "clip"
    licence = "MIT (OpenAI CLIP)"
    Settings = ClipSpec
    rank = 3
    standard = by_default = True

    def signature(self, protocol: ProtocolSpec) -> Mapping[str, str]:
        """Return the model with its weights, and the form of the captions."""
        return {**clip_fields(protocol.clip), "clip-t": protocol.caption}

    def load_encoder(self, settings: ClipSpec, device: str | torch.device) -> ClipEncoder:
        """Load the CLIP model with open_clip."""
        return load_clip_encoder(settings, device)

    def download(self, settings: ClipSpec) -> WeightsFile:
        """Return open_clip's file of the pretrained tag."""
        return clip_weights(settings)

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
