"""SigLIP 2: the similarity of a generated image to the photos of its subject, by SigLIP's image tower."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from dreambench.metrics.image_similarity import PhotoSimilarity
from dreambench.models.encoders.named_weights import dino_download
from dreambench.spec.metric import WeightsFile, named_weights
from dreambench.spec.protocol_spec import DinoSpec, ProtocolSpec

if TYPE_CHECKING:
    import torch

    from dreambench.models.encoders.siglip_encoder import SiglipEncoder


class Siglip2Spec(DinoSpec):
    """The SigLIP 2 model: a timm name, ``hub`` or a local file; ``crop`` is its input size in pixels."""

    place: ClassVar[str] = "protocol.encoders.siglip2"
    model: str = "vit_base_patch16_siglip_224.v2_webli"
    resize: int = 224


class Siglip2(PhotoSimilarity):
    """Mean cosine of SigLIP 2's pooled image embeddings with those of the subject's photos."""

    title = "SigLIP 2"
    definition = "similarity of generated images to the subject's real photos, by SigLIP 2 embeddings"
    source = "Tschannen et al. 2025 (SigLIP 2)"
    encoder = "siglip2"
    licence = "Apache-2.0 (SigLIP 2)"
    Settings = Siglip2Spec
    rank = 8

    def signature(self, protocol: ProtocolSpec) -> Mapping[str, str]:
        """Return the model with its weights and its input size in pixels."""
        spec = self.settings(protocol)
        return {"siglip2": f"{spec.model}/{named_weights(spec)}/r{spec.crop}"}

    def load_encoder(self, settings: DinoSpec, device: str | torch.device) -> SiglipEncoder:
        """Load the image tower with timm."""
        from dreambench.models.encoders.siglip_encoder import load_siglip

        return load_siglip(settings, device)

    def download(self, settings: DinoSpec) -> WeightsFile:
        """Return timm's file of the model."""
        return dino_download(settings)
