"""CLIP-I: the similarity of a generated image to the real photos of its subject, by CLIP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dreambench.metrics.image_similarity import PhotoSimilarity
from dreambench.models.encoders.named_weights import clip_download
from dreambench.spec.metric import Metric, WeightsFile, named_weights
from dreambench.spec.protocol_spec import ClipSpec, ProtocolSpec

if TYPE_CHECKING:
    import torch

    from dreambench.models.encoders.clip_encoder import ClipEncoder


class ClipMetric(Metric):
    """What metrics by CLIP embeddings share: the encoder, and its field of the signature."""

    encoder = "clip"
    licence = "MIT (OpenAI CLIP)"
    Settings = ClipSpec

    def signature(self, protocol: ProtocolSpec) -> Mapping[str, str]:
        """Return the model with its weights."""
        spec = self.settings(protocol)
        return {self.encoder: f"{spec.model}/{named_weights(spec)}"}

    def load_encoder(self, settings: ClipSpec, device: str | torch.device) -> ClipEncoder:
        """Load the CLIP model with open_clip."""
        from dreambench.models.encoders.clip_encoder import load_clip

        return load_clip(settings, device)

    def download(self, settings: ClipSpec) -> WeightsFile:
        """Return open_clip's file of the pretrained tag."""
        return clip_download(settings)


class ClipI(ClipMetric, PhotoSimilarity):
    """Mean cosine of CLIP image embeddings with those of the subject's photos."""

    title = "CLIP-I"
    definition = "similarity of generated images to the subject's real photos, by CLIP embeddings"
    source = "Ruiz et al. 2023 (DreamBooth), section 4.1; Gal et al. 2022 (Textual Inversion)"
    agreement = "Pearson 0.376 with ImagenHub's raters for one subject, 0.307 for editing, 0.219 for several"
    rank = 2
    standard = by_default = True

    def signature(self, protocol: ProtocolSpec) -> Mapping[str, str]:
        """Return the model with its weights, and which photos count."""
        return {**super().signature(protocol), "pairs": protocol.reference_label()}
