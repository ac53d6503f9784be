"""Stage ``judge``: a network that names what a picture shows. For evaluation only; it is never shipped."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dreambench.errors import DreambenchError
from miniature.train.data import LABELS, PoolSize
from miniature.train.optimizer import Optimizer
from miniature.train.samples import from_pixels, mixed_precision, to_pixels, write_grid
from miniature.train.stage import TrainingSession, averaged_weights
from miniature.train.train_lpips import accuracies, label_loss
from miniature.train.train_scorer import ScorerStage


class Block(nn.Module):
    """A residual block of two convolutions; the first one halves the picture."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(channels, out, 3, 2, 1, bias=False)
        self.two = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.skip = nn.Conv2d(channels, out, 1, bias=False)
        self.norms = nn.ModuleList(nn.GroupNorm(8, out) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Return [n, out, h / 2, w / 2] of [n, channels, h, w]."""
        y = F.relu(self.norms[0](self.one(x)))
        y = self.norms[1](self.two(y))
        return F.relu(y + self.skip(F.avg_pool2d(x, 2)))


class Judge(nn.Module):
    """A small residual network with a head for each label.

    ``features`` [n, 256] are what Frechet distances are measured in.
    """

    def __init__(self, toy: bool = False) -> None:
        super().__init__()
        widths = (8, 8, 8, 8, 16) if toy else (32, 64, 96, 160, 256)
        self.stem = nn.Conv2d(3, widths[0], 3, 1, 1)
        self.blocks = nn.Sequential(*(Block(a, b) for a, b in pairwise(widths)))
        self.heads = nn.ModuleList(nn.Linear(widths[-1], len(names) + 1) for names in LABELS.values())

    def features(self, images: Tensor) -> Tensor:
        """Return the pooled features of images [n, 3, 64, 64] in [-1, 1]."""
        pooled: Tensor = self.blocks(F.relu(self.stem(images))).mean((2, 3))
        return pooled

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the logits of each label, in the order of ``LABELS``."""
        features = self.features(images)
        return [head(features) for head in self.heads]


def load_judge(work: Path, toy: bool = False) -> Judge:
    """Return the judge of a work folder. Raises ``DreambenchError`` where it has not been trained."""
    weights = averaged_weights(work, "judge")
    if weights is None:
        raise DreambenchError(f"{work} holds no judge", "run the stage `judge` first")
    judge = Judge(toy)
    judge.load_state_dict(weights)
    return judge.eval().requires_grad_(False)


class JudgeStage(ScorerStage):
    """Learns to name class, context, accessory, property, color and pattern, clean or degraded."""

    name = "judge"
    steps = 1_000
    batch = 64
    sample_every = 1000
    pool_size = PoolSize(512, 32, 6)

    def __init__(self, session: TrainingSession) -> None:
        super().__init__(session)
        self.model: Any = Judge(session.toy)
        names = dict(self.model.named_parameters())
        matrices = [n for n, p in names.items() if p.ndim == 4 and "stem" not in n]
        self.optimizer = Optimizer(names, matrices, lr=1e-3, adam_lr={"": 1e-3})

    def load_source(self, folder: Path) -> None:
        """The judge is never exported: it starts from nothing."""

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Return the labels' loss, on as many clean as degraded renderings."""
        rows = self.pool.rows(step, self.batch)
        images = self.pictures(rows, share=0.5)
        with mixed_precision():
            logits = self.model(images)
        return label_loss(logits, self.labels(rows))

    def sample(self, model: nn.Module, file: Path) -> dict[str, float]:
        """Return the share of right answers on clean renderings that training never sees."""
        shard = self.held_back(8 if self.session.toy else 1000)
        write_grid(to_pixels(self.recent()), 8, file)
        return accuracies(model(from_pixels(shard.images)), torch.from_numpy(shard.labels))
