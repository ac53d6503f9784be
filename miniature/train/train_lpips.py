"""Stage ``lpips``: the AlexNet trunk of LPIPS, trained to tell what renderings show."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from miniature.train.data import LABELS, PoolSize
from miniature.train.optimizer import Optimizer
from miniature.train.samples import from_pixels, mixed_precision, to_pixels, write_grid
from miniature.train.stage import TrainingSession
from miniature.train.train_scorer import ScorerStage

_CHANNELS = (64, 192, 384, 256, 256)


def build_lpips() -> Any:
    """Return ``lpips.LPIPS`` with AlexNet's trunk drawn at random and the library's own linear layers."""
    import lpips

    with warnings.catch_warnings():  # it asks torchvision for the trunk in a deprecated way
        warnings.simplefilter("ignore")
        return lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)


class Trunk(nn.Module):
    """AlexNet's convolutions as LPIPS holds them, with a head for each label on all layers' means."""

    def __init__(self) -> None:
        super().__init__()
        whole = build_lpips()
        self.scaling, self.net = whole.scaling_layer, whole.net.requires_grad_(True)
        self.heads = nn.ModuleList(nn.Linear(sum(_CHANNELS), len(names) + 1) for names in LABELS.values())
        for layer in self.net.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the logits of each label for images [n, 3, 64, 64] in [-1, 1]."""
        # Of unit length over the channels, as LPIPS compares them.
        layers = [F.normalize(layer, dim=1) for layer in self.net(self.scaling(images))]
        means = torch.cat([layer.mean((2, 3)) * layer.shape[1] ** 0.5 for layer in layers], dim=1)
        return [head(means) for head in self.heads]


def accuracies(logits: list[Tensor], labels: Tensor) -> dict[str, float]:
    """Return the share of right answers for each label."""
    pairs = zip(LABELS, logits, labels.T, strict=True)
    return {name: float((given.argmax(1) == wanted).float().mean()) for name, given, wanted in pairs}


def label_loss(logits: list[Tensor], labels: Tensor) -> tuple[Tensor, dict[str, float]]:
    """Return the mean cross-entropy of labels [n, 6], and the share of right answers for each."""
    losses = [F.cross_entropy(given.float(), wanted) for given, wanted in zip(logits, labels.T, strict=True)]
    return torch.stack(losses).mean(), accuracies(logits, labels)


class LpipsStage(ScorerStage):
    """Learns features for LPIPS from what renderings show."""

    name = "lpips"
    steps = 500
    batch = 64
    sample_every = 1000
    pool_size = PoolSize(512, 24, 6)

    def __init__(self, session: TrainingSession) -> None:
        super().__init__(session)
        self.model: Any = Trunk()
        names = dict(self.model.named_parameters())
        self.optimizer = Optimizer(names, (), lr=0.0, adam_lr={"": 3e-4, "heads": 2e-3})

    def load_source(self, folder: Path) -> None:
        """Start from an exported trunk, with fresh heads."""
        tensors = load_file(folder / "encoders" / "lpips.safetensors")
        own = {name.removeprefix("net."): t for name, t in tensors.items() if name.startswith("net.")}
        self.model.net.load_state_dict(own)

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Return the labels' loss on degraded renderings."""
        rows = self.pool.rows(step, self.batch)
        images = self.pictures(rows)
        with mixed_precision():
            logits = self.model(images)
        loss, figures = label_loss(logits, self.labels(rows))
        return loss, {"class": figures["class"], "context": figures["context"]}

    def sample(self, model: nn.Module, file: Path) -> dict[str, float]:
        """Return the share of right answers on renderings that training never sees."""
        shard = self.held_back(8 if self.session.toy else 512)
        write_grid(to_pixels(self.recent()), 8, file)
        return accuracies(model(from_pixels(shard.images)), torch.from_numpy(shard.labels))


def trained_lpips(weights: dict[str, Tensor]) -> Any:
    """Return ``lpips.LPIPS`` with the trunk of the stage's averaged weights."""
    whole = build_lpips()
    whole.net.load_state_dict({n.removeprefix("net."): t for n, t in weights.items() if n.startswith("net.")})
    return whole
