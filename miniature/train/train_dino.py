"""Stage ``dino``: DINO-mini, a Vision Transformer that knows subjects again, without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from miniature.train.augment import jittered
from miniature.train.data import STREAMS, VIEWS, PoolSize, identity_scene
from miniature.train.optimizer import Optimizer
from miniature.train.samples import from_pixels, mixed_precision, to_pixels, write_grid
from miniature.train.stage import TrainingSession
from miniature.train.train_scorer import ScorerStage
from miniature.world import CLASS_NOUNS, render, sample_vector

TEMPERATURE = 0.1
_MEAN = torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1)
_STD = torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1)


def dino_config(toy: bool = False) -> dict[str, Any]:
    """Return the content of timm's ``config.json``: a ViT of 64 patches."""
    width, depth, heads = (32, 1, 2) if toy else (128, 4, 4)
    arguments = {"embed_dim": width, "depth": depth, "num_heads": heads}
    arguments |= {"img_size": 64, "patch_size": 16 if toy else 8}
    return {"architecture": "vit_tiny_patch16_224", "model_args": arguments}


def build_dino(toy: bool = False) -> Any:
    """Return a fresh DINO-mini; its embedding is the class token after the final norm."""
    import timm

    config = dino_config(toy)
    return timm.create_model(config["architecture"], num_classes=0, **config["model_args"])


def embed(model: Any, images: Tensor) -> Tensor:
    """Return unit embeddings [n, d] of images [n, 3, 64, 64] in [-1, 1]."""
    tokens = model.forward_features(((images + 1) / 2 - _MEAN) / _STD)
    return F.normalize(tokens[:, 0].float(), dim=-1)


def instance_loss(embeddings: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Return SimCLR's loss (Chen et al. 2020) of embeddings [2 n, d], where rows i and n + i are a pair."""
    count = len(embeddings) // 2
    logits = embeddings @ embeddings.T / temperature
    logits = logits - torch.diag(torch.full((2 * count,), 1e4))
    return F.cross_entropy(logits, torch.arange(2 * count).roll(count))


def same_class_auc(embeddings: np.ndarray, subjects: np.ndarray, classes: np.ndarray) -> float:
    """Return how well cosine similarity tells the same subject from another one of the same class.

    The area under the ROC curve over all pairs of pictures within a class, averaged over the classes: many
    subjects of two views each, where ``dreambench correlate photos`` has an area of each subject;
    unit ``embeddings`` [n, d], numbers of ``subjects`` and ``classes`` [n].
    """
    similarity = embeddings @ embeddings.T
    upper = np.triu(np.ones_like(similarity, bool), 1)
    same = subjects[:, None] == subjects[None]
    areas = []
    for noun in np.unique(classes):
        inside = upper & (classes[:, None] == noun) & (classes[None] == noun)
        positive, negative = similarity[inside & same], np.sort(similarity[inside & ~same])
        if positive.size and negative.size:
            areas.append(float(np.searchsorted(negative, positive).mean()) / negative.size)
    return float(np.mean(areas))


def identity_renderings(seed: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pictures of ``count`` new subjects of each class, ``VIEWS`` each.

    Images uint8 [n, 64, 64, 3], and the numbers of subjects and classes [n] for ``same_class_auc``.
    """
    rng = np.random.default_rng((STREAMS["evaluate"], seed))
    vectors = [sample_vector(noun, rng) for noun in CLASS_NOUNS for _ in range(count)]
    images = [render(identity_scene(rng, vector)).image for vector in vectors for _ in range(VIEWS)]
    subjects = np.arange(len(vectors)).repeat(VIEWS)
    return np.stack(images), subjects, subjects // count


class DinoStage(ScorerStage):
    """Instance discrimination: two renderings of one subject belong together, all others do not.

    Pose, place, light and accessory differ between the two, so what is left is the subject. Half of a
    batch is of one class: telling those apart needs more than the class.
    """

    name = "dino"
    steps = 1_200
    batch = 128
    sample_every = 1000
    pool_size = PoolSize(512, 32, 10)

    def __init__(self, session: TrainingSession) -> None:
        super().__init__(session)
        self.model: Any = build_dino(session.toy)
        names = dict(self.model.named_parameters())
        matrices = [n for n, p in names.items() if p.ndim == 2 and "blocks" in n]
        self.optimizer = Optimizer(names, matrices, lr=2e-3, adam_lr={"": 1e-3})

    def load_source(self, folder: Path) -> None:
        """Start from an exported DINO-mini."""
        self.model.load_state_dict(load_file(folder / "encoders" / "dino.safetensors"))

    def pairs(self, step: int) -> list[tuple[int, int]]:
        """Return (shard, row) of one view of each subject, then of another view of each.

        The first half of the subjects are of one class, from one shard's first half; the others are of
        any class, from all shards.
        """
        rng = np.random.default_rng((STREAMS[self.name], self.session.seed, step, 2))
        first, window = self.pool.first(step), self.pool.size.window
        half_shard = self.pool.size.shard // VIEWS // 2
        count = min(self.batch // 4, half_shard)
        shard = first + int(rng.integers(window))
        chosen = [(shard, int(group)) for group in rng.permutation(half_shard)[:count]]
        for number in rng.permutation(window * half_shard)[:count]:
            chosen.append((first + int(number) % window, half_shard + int(number) // window))
        views = np.stack([rng.permutation(VIEWS)[:2] for _ in chosen])
        return [
            (index, group * VIEWS + int(view))
            for side in (0, 1)
            for (index, group), view in zip(chosen, views[:, side], strict=True)
        ]

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Return the instance loss of degraded pairs."""
        images = jittered(self.pictures(self.pairs(step)))
        with mixed_precision():
            embeddings = embed(self.model, images)
        return instance_loss(embeddings), {}

    def sample(self, model: nn.Module, file: Path) -> dict[str, float]:
        """Return the AUC of subjects within classes on renderings that training never sees."""
        images, *numbers = identity_renderings(self.session.seed, 2 if self.session.toy else 12)
        parts = [embed(model, part) for part in from_pixels(images).split(128)]
        write_grid(to_pixels(self.recent()), 8, file)
        return {"auc": same_class_auc(torch.cat(parts).numpy(), *numbers)}
