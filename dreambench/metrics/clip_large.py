"""CLIP-I L/14: the similarity of a generated image to the photos of its subject, by the larger CLIP."""

from __future__ import annotations

from typing import ClassVar

from dreambench.metrics.clip_i import ClipMetric
from dreambench.metrics.image_similarity import PhotoSimilarity
from dreambench.spec.protocol_spec import ClipSpec


class ClipLargeSpec(ClipSpec):
    """The larger CLIP model: an open_clip name, and a pretrained tag or a local file."""

    place: ClassVar[str] = "protocol.encoders.clip_large"
    model: str = "ViT-L-14"


class ClipLargeI(ClipMetric, PhotoSimilarity):
    """Mean cosine of CLIP ViT-L/14 image embeddings with those of the subject's photos."""

    title = "CLIP-I L/14"
    definition = "similarity of generated images to the subject's real photos, by CLIP ViT-L/14 embeddings"
    source = "Radford et al. 2021 (CLIP)"
    encoder = "clip_large"
    Settings = ClipLargeSpec
    rank = 9
