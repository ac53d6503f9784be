"""DINO: the similarity of a generated image to the real photos of its subject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dreambench.metrics.image_similarity import PhotoSimilarity
from dreambench.models.encoders.named_weights import dino_download
from dreambench.spec.metric import WeightsFile
from dreambench.spec.protocol_spec import DinoSpec, ProtocolSpec

if TYPE_CHECKING:
    import torch

    from dreambench.models.encoders.dino_encoder import DinoEncoder


class DinoMetric(PhotoSimilarity):
    """What metrics by the protocol's DINO embeddings share: the encoder, and its fields of the signature."""

    encoder = "dino"
    licence = "Apache-2.0 (DINO)"
    Settings = DinoSpec

    def signature(self, protocol: ProtocolSpec) -> Mapping[str, str]:
        """Return the model, its transform in pixels (resize, crop), and which photos count."""
        return {**dino_fields(protocol.dino), "pairs": protocol.reference_label()}

    def load_encoder(self, settings: DinoSpec, device: str | torch.device) -> DinoEncoder:
        """Load the Vision Transformer with timm."""
        from dreambench.models.encoders.dino_encoder import load_dino

        return load_dino(settings, device)

    def download(self, settings: DinoSpec) -> WeightsFile:
        """Return timm's file of the model."""
        return dino_download(settings)


class Dino(DinoMetric):
    """Mean cosine of class-token embeddings from a ViT trained without labels.

    The paper's metric of subject fidelity: unlike CLIP, DINO was not trained to ignore differences between
    subjects of one class.
    """

    title = "DINO"
    definition = "similarity of generated images to the subject's real photos, by DINO embeddings"
    source = "Ruiz et al. 2023 (DreamBooth), section 4.1"
    agreement = "Pearson 0.547 with ImagenHub's raters for one subject, 0.368 for editing, 0.124 for several"
    rank = 1
    standard = by_default = True


def dino_fields(dino: DinoSpec) -> dict[str, str]:
    """Return the signature's fields of a DINO encoder."""
    weights = f"/sha256-{dino.fingerprint[:8]}" if dino.fingerprint else ""
    return {"dino": dino.model + weights, "tf": f"r{dino.resize}c{dino.crop}"}
