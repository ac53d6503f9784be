"""DINOv2: the similarity of a generated image to the real photos of its subject, by DINO's successor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from dreambench.metrics.dino import DinoMetric
from dreambench.spec.metric import named_weights
from dreambench.spec.protocol_spec import DinoSpec, ProtocolSpec


class DinoV2Spec(DinoSpec):
    """The DINOv2 model: a timm name, ``hub`` or a local file, and the transform in pixels.

    Its position embeddings are resized to the crop, as transformers' DINOv2 does it.
    """

    place: ClassVar[str] = "protocol.encoders.dinov2"
    model: str = "vit_small_patch14_dinov2.lvd142m"
    any_size: ClassVar[bool] = True


class DinoV2(DinoMetric):
    """Mean cosine of class-token embeddings by DINOv2, trained without labels on curated photos."""

    title = "DINOv2"
    definition = "similarity of generated images to the subject's real photos, by DINOv2 embeddings"
    source = "Oquab et al. 2023 (DINOv2); Peng et al. 2024 (DreamBench++), section 4"
    encoder = "dinov2"
    licence = "Apache-2.0 (DINOv2)"
    Settings = DinoV2Spec
    rank = 6

    def signature(self, protocol: ProtocolSpec) -> Mapping[str, str]:
        """Return the model with its weights and its transform in pixels."""
        spec = self.settings(protocol)
        return {self.encoder: f"{spec.model}/{named_weights(spec)}/r{spec.resize}c{spec.crop}"}
