"""Masked DINO and SigLIP 2: the similarity of the subject alone, cut out of image and photo by masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from dreambench.metrics.image_similarity import similarity_to_photos
from dreambench.metrics.masked_similarity import MaskedSimilarity
from dreambench.metrics.masks import MaskedSpec, Region, cut_out

if TYPE_CHECKING:
    import torch


class CutOutSpec(MaskedSpec):
    """Masks, and what they cut out: ``mask`` paints the background, ``box`` crops, ``mask-and-box`` both."""

    place: ClassVar[str] = "protocol.encoders.masked_dino"
    region: Region = "mask-and-box"


class MaskedDino(MaskedSimilarity):
    """Mean cosine of DINO's class tokens of the subject, cut out of the image and of each photo."""

    title = "Masked DINO"
    definition = "similarity of the subject, cut out by a mask, to that in the photos, by DINO embeddings"
    source = "after Ruiz et al. 2023 (DreamBooth), section 4.1; docs/protocol.md defines the masking"
    encoder = "masked_dino"
    licence = "Apache-2.0 (DINO); the masks' own"
    Settings = CutOutSpec
    rank = 10
    #: ImageNet's mean color, which the encoder's transform makes zero.
    background: ClassVar[tuple[int, int, int]] = (124, 116, 104)

    def details(self, settings: Any) -> str:
        """Return the transform in pixels, and what is cut out."""
        return f"r{settings.resize}c{settings.crop}/{settings.region}"

    def zoom(self, settings: Any) -> float:
        """Return how much larger than the mask the box is, so that the center crop shows the whole mask."""
        return float(settings.resize / settings.crop)

    def load_encoder(self, settings: Any, device: str | torch.device) -> Any:
        """Load the Vision Transformer with timm."""
        from dreambench.models.encoders.dino_encoder import load_dino

        return load_dino(settings, device)

    def views(self, encoder: Any, pictures: Sequence[Any], settings: Any) -> list[Any]:
        """Return the embedding [d] of each picture's cut-out."""
        zoom = self.zoom(settings)
        parts = [cut_out(image, mask, settings.region, self.background, zoom) for image, mask in pictures]
        return list(encoder.embed_images(parts))

    def similarity(self, image: Any, photos: Sequence[Any]) -> float:
        """Return the mean cosine, in [-1, 1], of an embedding [d] with those of the photos."""
        import torch

        return similarity_to_photos(image[None], torch.stack(list(photos)))[0]


class MaskedSiglip2Spec(CutOutSpec):
    """The SigLIP 2 model: a timm name, ``hub`` or a local file; ``crop`` is its input size in pixels."""

    place: ClassVar[str] = "protocol.encoders.masked_siglip2"
    model: str = "vit_base_patch16_siglip_224.v2_webli"
    resize: int = 224


class MaskedSiglip2(MaskedDino):
    """Mean cosine of SigLIP 2's pooled embeddings of the subject, cut out of the image and of each photo."""

    title = "Masked SigLIP 2"
    definition = "similarity of the subject, cut out by a mask, to that in the photos, by SigLIP 2 embeddings"
    source = "after Tschannen et al. 2025 (SigLIP 2); docs/protocol.md defines the masking"
    encoder = "masked_siglip2"
    licence = "Apache-2.0 (SigLIP 2); the masks' own"
    Settings = MaskedSiglip2Spec
    rank = 11
    background = (128, 128, 128)

    def zoom(self, settings: Any) -> float:
        """Return 1: the encoder sees the whole square."""
        return 1.0

    def load_encoder(self, settings: Any, device: str | torch.device) -> Any:
        """Load the image tower with timm."""
        from dreambench.models.encoders.siglip_encoder import load_siglip

        return load_siglip(settings, device)
