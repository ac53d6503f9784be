"""CLIP-I, DINO and PRES: cosine similarity of generated images and real photos, all pairs.

Source: DreamBooth paper, section 4.1 (CLIP-I, DINO), 4.3 (PRES) and Table 1 (Real Images).
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, ClassVar

from dreambench.spec.metric import Comparand, Metric

if TYPE_CHECKING:
    from torch import Tensor


def unit_vectors(embeddings: Tensor) -> Tensor:
    """Return [n, d] embeddings scaled to length 1, in float64.

    Float64 keeps rounding out of the mean of many cosines. Raises ValueError for any other shape.
    """
    if embeddings.ndim != 2:
        raise ValueError(f"embeddings must be [n, d], not {list(embeddings.shape)}")
    wide = embeddings.double()
    return wide / wide.norm(dim=1, keepdim=True)


def cosine_similarities(a: Tensor, b: Tensor) -> Tensor:
    """Return all cosines [n, m], each in [-1, 1], of two sets of embeddings [n, d] and [m, d]."""
    return (unit_vectors(a) @ unit_vectors(b).T).clamp(-1, 1)


def similarity_to_photos(images: Tensor, photos: Tensor) -> list[float]:
    """Return, for each of n images [n, d], its mean cosine with the m photos [m, d] of its subject.

    The score of CLIP-I (CLIP embeddings), DINO (DINO embeddings) and PRES (DINO embeddings of images
    of ``a [class noun]``). In [-1, 1]; higher is closer. Raises ValueError without photos.
    """
    if len(photos) == 0:
        raise ValueError("a similarity to photos needs at least one photo")
    return [float(row) for row in cosine_similarities(images, photos).mean(dim=1)]


def photo_pair_similarity(photos: Tensor) -> list[tuple[int, int, float]]:
    """Return (i, j, cosine) for all pairs i < j of a subject's photos [m, d]: the Real Images row."""
    cosines = cosine_similarities(photos, photos).tolist()
    return [(i, j, cosines[i][j]) for i, j in combinations(range(len(photos)), 2)]


class PhotoSimilarity(Metric):
    """The mean cosine of an image's embedding with those of its subject's photos.

    A subclass says which encoder embeds them: ``load_encoder`` returns an ``ImageEncoder``.
    """

    compares: ClassVar[Comparand] = "photos"
    #: Whether its numbers are distances: the lower, the more alike.
    distance: ClassVar[bool] = False

    def score(self, images: Tensor, references: Tensor) -> list[float]:
        """Return the mean cosine, in [-1, 1], of each of n images [n, d] with m photos [m, d]."""
        return similarity_to_photos(images, references)

    def photo_pairs(self, photos: Tensor) -> list[tuple[int, int, float]]:
        """Return (i, j, cosine) for all pairs i < j of a subject's photos: the Real Images row (Table 1)."""
        return photo_pair_similarity(photos)
