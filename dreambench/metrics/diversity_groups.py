"""Groups of images in a stream: pixels are held until their group is complete and its distances are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import torch
from PIL import Image
from torch import Tensor

from dreambench.metrics.embeddings import EmbeddingStore
from dreambench.models.encoders.lpips_network import image_pixels
from dreambench.spec.metric import Metric

Member = tuple[str, Path]  # SHA-256 and file


def pair_key(a: str, b: str) -> str:
    """Return the key of the distance of two images by their SHA-256, in either order."""
    return "-".join(sorted((a, b)))


class DiversityGroups:
    """Measures the groups (same subject, same prompt) whose distances are not all known yet.

    ``groups`` lists each group's images in order. The metric's encoder is loaded when the first group is
    complete.
    """

    def __init__(
        self,
        metric: Metric,
        groups: Sequence[Sequence[Member]],
        distances: EmbeddingStore,
        encoder: Callable[[], Any],
        batch_size: int,
        size: int | Literal["native"] = "native",
    ) -> None:
        self.metric, self.distances, self.size = metric, distances, size
        self.encoder, self.batch_size = encoder, batch_size
        self._open = [group for group in groups if self._unknown(group)]
        self._waiting = {sha256 for group in self._open for sha256, _ in group}
        self._pixels: dict[str, Tensor] = {}

    def _unknown(self, group: Sequence[Member]) -> bool:
        return any(pair_key(a, b) not in self.distances for (a, _), (b, _) in combinations(group, 2))

    def wants(self, sha256: str) -> bool:
        """Whether an image belongs to a group that still has to be measured."""
        return sha256 in self._waiting

    def preprocess(self, image: Image.Image) -> Tensor:
        """Return the uint8 pixels [3, h, w] of an RGB image at the metric's size; no encoder is loaded."""
        return image_pixels(image, self.size)

    def add(self, sha256: str, pixels: Tensor) -> None:
        """Take one image's pixels; measure the groups that they complete, and drop those groups."""
        self._pixels[sha256] = pixels
        whole = [g for g in self._open if all(key in self._pixels for key, _ in g)]
        if not whole:
            return
        for group in whole:
            self._measure(group)
        self._open = [group for group in self._open if group not in whole]
        still = {key for group in self._open for key, _ in group}
        self._pixels = {key: tensor for key, tensor in self._pixels.items() if key in still}

    def _measure(self, group: Sequence[Member]) -> None:
        images = [self._pixels[sha256] for sha256, _ in group]
        files = [file for _, file in group]
        found = self.metric.distances(images, files, self.encoder(), self.batch_size)
        for (i, j), value in found.items():
            self.distances.add(pair_key(group[i][0], group[j][0]), torch.tensor([value]))
