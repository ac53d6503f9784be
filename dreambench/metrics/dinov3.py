"""DINOv3: the similarity of a generated image to the photos of its subject, by DINO with rotary positions."""

from __future__ import annotations

from typing import ClassVar

from dreambench.metrics.dinov2 import DinoV2, DinoV2Spec


class DinoV3Spec(DinoV2Spec):
    """The DINOv3 model: a timm name, ``hub`` or a local file, and the transform in pixels."""

    place: ClassVar[str] = "protocol.encoders.dinov3"
    model: str = "vit_small_patch16_dinov3.lvd1689m"


class DinoV3(DinoV2):
    """Mean cosine of class-token embeddings by DINOv3, which uses rotary position embeddings."""

    title = "DINOv3"
    definition = "similarity of generated images to the subject's real photos, by DINOv3 embeddings"
    source = "Simeoni et al. 2025 (DINOv3); weights under Meta's DINOv3 license"
    encoder = "dinov3"
    licence = "DINOv3 License (Meta)"
    Settings = DinoV3Spec
    rank = 7
