"""DIV: LPIPS distance between the images of one subject and one prompt, all pairs.

Source: DreamBooth paper, section 4.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import torch
from torch import Tensor

from dreambench.errors import DreambenchError
from dreambench.models.encoders.lpips_network import LpipsNetwork, select


def index_pairs(count: int) -> list[tuple[int, int]]:
    """Return all pairs (i, j), i < j, of ``count`` images."""
    return list(combinations(range(count), 2))


def group_distances(
    images: Sequence[Tensor], files: Sequence[Path], network: LpipsNetwork, batch_size: int = 32
) -> dict[tuple[int, int], float]:
    """Return the LPIPS distance (0 or more; higher is more diverse) of every pair i < j of one group.

    ``images`` are preprocessed images [3, h, w] of one subject and prompt; each image's features are
    computed once. Raises DreambenchError naming the two files where images differ in size.
    """
    for image, file in zip(images, files, strict=True):
        if image.shape != images[0].shape:
            (h0, w0), (h, w) = images[0].shape[1:], image.shape[1:]
            raise DreambenchError(
                f"{files[0]} ({w0} x {h0}) and {file} ({w} x {h}) belong to one subject and prompt and "
                "differ in size",
                "DIV compares images of equal size: resize one, or leave div out with --metrics",
            )
    parts = [network.features(torch.stack(list(chunk))) for chunk in _chunks(images, batch_size)]
    features = [torch.cat(layers) for layers in zip(*parts, strict=True)]
    distances = {}
    # One image against all later ones at a time: as many differences in memory as there are images.
    for first in range(len(images) - 1):
        later = list(range(first + 1, len(images)))
        ours = [layer[first : first + 1] for layer in features]
        values = network.distance(ours, select(features, later))
        distances.update({(first, j): float(value) for j, value in zip(later, values, strict=True)})
    return distances


def _chunks(images: Sequence[Tensor], size: int) -> list[Sequence[Tensor]]:
    return [images[start : start + size] for start in range(0, len(images), size)]
