"""MaSC's concept preservation: every patch of the subject in a photo finds its best match in the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dreambench.metrics.image_similarity import cosine_similarities
from dreambench.metrics.masked_similarity import MaskedSimilarity
from dreambench.metrics.masks import MaskedSpec

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor


class MaskedMaxCosineSpec(MaskedSpec):
    """The SigLIP 2 model: a timm name, ``hub`` or a local file; ``crop`` is its input size in pixels."""

    place: ClassVar[str] = "protocol.encoders.masked_max_cosine"
    model: str = "vit_so400m_patch16_siglip_256.v2_webli"
    resize: int = 256
    crop: int = 256


class MaskedMaxCosine(MaskedSimilarity):
    """Mean over the photo's foreground patches of the highest cosine with any patch of the image.

    Averaged over the photos. Only photos need masks: the subject may be anywhere in the image. MaSC keeps an
    image's aspect ratio (SigLIP 2 NaFlex); here it is squeezed to a square, as SigLIP does it.
    """

    title = "Masked max-cosine"
    definition = (
        "similarity of each patch of the subject in a photo (by a mask) to its most similar patch in the "
        "image, by SigLIP 2 tokens"
    )
    source = "after Bartkowiak et al. 2026 (MaSC, arXiv:2605.22469), concept preservation"
    encoder = "masked_max_cosine"
    licence = "Apache-2.0 (SigLIP 2); the masks' own"
    agreement = (
        "MaSC itself, by SigLIP 2 SO400M NaFlex: Krippendorff's alpha 0.471 with DreamBench++'s raters (its "
        "authors' figure)"
    )
    Settings = MaskedMaxCosineSpec
    rank = 12
    masks_images = False

    def details(self, settings: Any) -> str:
        """Return the input size in pixels."""
        return f"r{settings.crop}"

    def load_encoder(self, settings: Any, device: str | torch.device) -> Any:
        """Load the image tower with timm."""
        from dreambench.models.encoders.siglip_encoder import load_siglip_patches

        return load_siglip_patches(settings, device)

    def views(self, encoder: Any, pictures: Sequence[Any], settings: Any) -> list[Any]:
        """Return the patch tokens of each picture [patches, d]: only the subject's if it has a mask."""
        tokens = encoder.embed_images([image for image, _ in pictures])
        return [
            own if mask is None else own[foreground_patches(mask, encoder.grid).ravel().tolist()]
            for own, (_, mask) in zip(tokens, pictures, strict=True)
        ]

    def similarity(self, image: Any, photos: Sequence[Any]) -> float:
        """Return the mean, in [-1, 1], over the photos."""
        return float(np.mean([max_cosine(photo, image) for photo in photos]))


def max_cosine(subject: Tensor, image: Tensor) -> float:
    """Return the mean over the subject's tokens [n, d] of the highest cosine with any of the image's [m, d].

    Example:
        >>> import torch
        >>> max_cosine(torch.eye(2), torch.tensor([[5.0, 0.0], [3.0, 4.0]]))
        0.9
    """
    return float(cosine_similarities(subject, image).max(dim=1).values.mean())


def foreground_patches(mask: NDArray[np.bool_], grid: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the patches of a grid [rows, columns] over the picture that the mask covers at least half.

    If it covers half of none, the patch that it covers most counts, so that a small subject has a patch.
    """
    from PIL import Image

    rows, columns = grid
    shares = np.asarray(
        Image.fromarray(mask.astype(np.float32)).resize((columns, rows), Image.Resampling.BOX)
    )
    chosen = shares >= 0.5
    return chosen if chosen.any() else shares == shares.max()
