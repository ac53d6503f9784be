"""Copying: do generated images repeat a photo instead of showing the subject in a new way?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dreambench.errors import DreambenchError
from dreambench.metrics.dino import DinoMetric
from dreambench.metrics.image_similarity import cosine_similarities, photo_pair_similarity

if TYPE_CHECKING:
    from torch import Tensor


class NearestPhoto(DinoMetric):
    """The highest cosine of DINO embeddings of an image with any of its subject's photos."""

    title = "Nearest photo"
    definition = "similarity of a generated image to its most similar photo, by DINO embeddings"
    source = "after Carlini et al. 2023 (Extracting Training Data from Diffusion Models), section 4"
    rank = 20
    higher_is_better = False

    def score(self, images: Tensor, references: Tensor) -> list[float]:
        """Return the highest cosine, in [-1, 1], of each of n images [n, d] with m photos [m, d]."""
        return [float(value) for value in cosine_similarities(images, references).max(dim=1).values]

    def photo_pairs(self, photos: Tensor) -> list[tuple[int, int, float]]:
        """Return the mean, for each pair, of what each of its two photos scores among the other photos.

        The mean over all pairs is then the mean over photos of the highest cosine with another photo.
        """
        pairs = photo_pair_similarity(photos)
        nearest = [
            max((value for *pair, value in pairs if i in pair), default=0.0) for i in range(len(photos))
        ]
        return [(i, j, (nearest[i] + nearest[j]) / 2) for i, j, _ in pairs]


class Copying(DinoMetric):
    """Whether an image is closer to a photo than any two photos of its subject are to each other.

    An image scores 1 or 0, so the mean is the share of copies. A subject needs at least two photos.
    """

    title = "Copies"
    definition = "share of images that are nearer to a photo than two photos of the subject are to each other"
    source = "after Carlini et al. 2023 (Extracting Training Data from Diffusion Models), section 4"
    rank = 21
    higher_is_better = False
    range = (0.0, 1.0)

    def score(self, images: Tensor, references: Tensor) -> list[float]:
        """Return 1.0 or 0.0 for each of n images [n, d], from m photos [m, d].

        Raises DreambenchError with fewer than two photos.
        """
        pairs = photo_pair_similarity(references)
        if not pairs:
            raise DreambenchError(
                "Copies needs at least two photos of a subject",
                "leave copying out with --metrics, or use a protocol that compares with all photos",
            )
        nearest_photos = max(value for *_, value in pairs)
        nearest = cosine_similarities(images, references).max(dim=1).values.tolist()
        # NaN, of an embedding of length 0, is above nothing, and is no answer.
        return [value if math.isnan(value) else float(value > nearest_photos) for value in nearest]

    def photo_pairs(self, photos: Tensor) -> list[tuple[int, int, float]]:
        """Return 0 for each pair: no two photos are closer to each other than the closest two."""
        return [(i, j, 0.0) for i, j, _ in photo_pair_similarity(photos)]
