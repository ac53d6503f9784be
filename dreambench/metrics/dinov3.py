"""DINOv3: the similarity of a generated image to the photos of its subject, by DINO with rotary positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dreambench.metrics.dinov2 import DinoV2, DinoV2Spec
from dreambench.spec.metric import named_weights
from dreambench.spec.protocol_spec import DinoSpec, ProtocolSpec

if TYPE_CHECKING:
    import torch

    from dreambench.models.encoders.dino_encoder import DinoEncoder
    from dreambench.spec.metric import WeightsFile

PLACE = "protocol.encoders.dinov3"


class DinoV3Spec(DinoV2Spec):
    """The DINOv3 model: a timm name, ``hub`` or a local file, and the transform in pixels."""

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

    def signature(self, protocol: ProtocolSpec) -> Mapping[str, str]:
        """Return the model with its weights and its transform in pixels."""
        spec = protocol.encoder_spec(self.encoder)
        assert isinstance(spec, DinoSpec)
        return {"dinov3": f"{spec.model}/{named_weights(spec)}/r{spec.resize}c{spec.crop}"}

    def load_encoder(self, settings: DinoSpec, device: str | torch.device) -> DinoEncoder:
        """Load the Vision Transformer with timm."""
        from dreambench.models.encoders.dino_encoder import load_dino

        return load_dino(settings, device, PLACE)

    def download(self, settings: DinoSpec) -> WeightsFile:
        """Return timm's file of the model."""
        from dreambench.models.encoders.named_weights import dino_download

        return dino_download(settings, PLACE)
