"""The groups of DIV in a stream of images: pixels wait until their group is whole, distances are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from dreambench.metrics.diversity import group_distances, index_pairs
from dreambench.metrics.embeddings import EmbeddingStore
from dreambench.models.encoders.lpips_network import LpipsNetwork, image_pixels

Member = tuple[str, Path]  # SHA-256 and file


def pair_key(a: str, b: str) -> str:
    """Return the key of the distance of two images by their SHA-256, in either order."""
    return "-".join(sorted((a, b)))


class DiversityGroups:
    """Measures the groups (same subject, same prompt) whose distances are not all known yet.

    ``groups`` lists each group's images in order. The network is loaded when the first group is whole.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[Member]],
        distances: EmbeddingStore,
        network: Callable[[], LpipsNetwork],
        batch_size: int,
    ) -> None:
        self.distances, self.network, self.batch_size = distances, network, batch_size
        self._open = [group for group in groups if self._unknown(group)]
        self._waiting = {sha256 for group in self._open for sha256, _ in group}
        self._pixels: dict[str, Tensor] = {}

    def _unknown(self, group: Sequence[Member]) -> bool:
        keys = [sha256 for sha256, _ in group]
        return any(pair_key(keys[i], keys[j]) not in self.distances for i, j in index_pairs(len(keys)))

    def wants(self, sha256: str) -> bool:
        """Whether an image belongs to a group that is to be measured."""
        return sha256 in self._waiting

    def preprocess(self, image: Image.Image) -> Tensor:
        """Return an RGB image as LPIPS takes it, without loading the network."""
        return image_pixels(image)

    def add(self, sha256: str, pixels: Tensor) -> None:
        """Take one image's pixels; a group that is whole by that is measured and forgotten."""
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
        found = group_distances(images, files, self.network(), self.batch_size)
        for (i, j), value in found.items():
            self.distances.add(pair_key(group[i][0], group[j][0]), torch.tensor([value]))
