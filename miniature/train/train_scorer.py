"""What the scorers' and the judge's stages share: their pictures, a part of them seen through the VAE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from miniature.train.augment import augmented, round_trip
from miniature.train.data import Shard, render_shard
from miniature.train.samples import from_pixels
from miniature.train.stage import Stage, TrainingSession
from miniature.train.train_vae import load_vae

#: Every fourth rendering goes through the autoencoder once.
ROUND_TRIPS = 4
#: A shard that no training reaches: what the figures in the log are measured on.
_HELD_BACK = 1_000_000


class ScorerStage(Stage):
    """A stage on degraded renderings. Without an autoencoder the round trips are left out."""

    def __init__(self, session: TrainingSession) -> None:
        super().__init__(session)
        vae = load_vae(session)

        def prepare(shard: Shard) -> Shard:
            if vae is None:
                return shard
            images = shard.images.copy()
            images[::ROUND_TRIPS] = round_trip(vae, images[::ROUND_TRIPS])
            return replace(shard, images=images)

        self.make_pool(prepare)

    def pictures(self, rows: Sequence[tuple[int, int]], share: float = 0.6) -> Tensor:
        """Return the degraded images [n, 3, 64, 64] in [-1, 1] of (shard, row) pairs."""
        images = np.stack([self.pool.shards[s].images[r] for s, r in rows])
        return augmented(from_pixels(images), share)

    def labels(self, rows: Sequence[tuple[int, int]]) -> Tensor:
        """Return the labels int64 [n, 6] of (shard, row) pairs."""
        return torch.from_numpy(np.stack([self.pool.shards[s].labels[r] for s, r in rows]))

    def held_back(self, size: int) -> Shard:
        """Return clean renderings of the stage's stream that training never sees."""
        return _held_back(self.name, self.session.seed, size)

    def recent(self, count: int = 32) -> Tensor:
        """Return some training pictures as they are now, degraded, for a sample grid."""
        index = next(iter(self.pool.shards))
        return self.pictures([(index, row) for row in range(min(count, self.pool.size.shard))])


@cache
def _held_back(name: str, seed: int, size: int) -> Shard:
    return render_shard(name, seed, _HELD_BACK, size)
