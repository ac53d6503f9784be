"""Stage ``text``: CLIP-mini, an open_clip model whose text tower then starts the diffusion model's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from miniature.train.data import STREAMS, PoolSize
from miniature.train.optimizer import Optimizer
from miniature.train.samples import from_pixels, mixed_precision, to_pixels, write_grid
from miniature.train.stage import TrainingSession
from miniature.train.tokenizer import CONTEXT_LENGTH, token_ids, vocabulary
from miniature.train.train_scorer import ScorerStage

#: The file beside the weights that open_clip's tokenizer reads its merges from.
MERGES_FILE = "clip-bpe.txt.gz"
MEAN = STD = (0.5, 0.5, 0.5)
TEXT_WIDTH, TEXT_LAYERS, TEXT_HEADS = 96, 3, 4
#: How often a caption tells colors and pattern: more often than the generator's, to be told apart.
_TOLD = 0.7


def clip_config(toy: bool = False) -> dict[str, Any]:
    """Return open_clip's ``model_cfg``: a ViT of 64 patches and the text tower of the diffusion model."""
    return {
        "embed_dim": 96,
        "quick_gelu": True,
        "vision_cfg": {
            "image_size": 64,
            "patch_size": 16 if toy else 8,
            "width": 32 if toy else 128,
            "layers": 1 if toy else 3,
            "head_width": 16 if toy else 32,
        },
        "text_cfg": {
            "context_length": CONTEXT_LENGTH,
            "vocab_size": len(vocabulary()),
            "width": TEXT_WIDTH,
            "heads": TEXT_HEADS,
            "layers": 1 if toy else TEXT_LAYERS,
            "tokenizer_kwargs": {"bpe_path": MERGES_FILE},
        },
    }


def build_clip(toy: bool = False) -> Any:
    """Return a fresh CLIP-mini."""
    from open_clip import CLIP

    return CLIP(**clip_config(toy))


def build_text_encoder(toy: bool = False) -> Any:
    """Return a fresh ``CLIPTextModel`` of the same shape as CLIP-mini's text tower."""
    from transformers import CLIPTextConfig, CLIPTextModel

    size = len(vocabulary())
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=size,
            hidden_size=TEXT_WIDTH,
            intermediate_size=4 * TEXT_WIDTH,
            num_hidden_layers=1 if toy else TEXT_LAYERS,
            num_attention_heads=TEXT_HEADS,
            max_position_embeddings=CONTEXT_LENGTH,
            projection_dim=96,
            hidden_act="quick_gelu",
            bos_token_id=size - 2,
            eos_token_id=size - 1,
            pad_token_id=size - 1,
        )
    )


_RENAMED = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}


def text_tower(clip: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Translate the text tower of an open_clip state dict into transformers' names (no ``text_model.``)."""
    renamed = {
        "embeddings.token_embedding.weight": clip["token_embedding.weight"],
        "embeddings.position_embedding.weight": clip["positional_embedding"],
        "final_layer_norm.weight": clip["ln_final.weight"],
        "final_layer_norm.bias": clip["ln_final.bias"],
    }
    for name, tensor in clip.items():
        if not name.startswith("transformer.resblocks."):
            continue
        layer, inner = name.removeprefix("transformer.resblocks.").split(".", 1)
        if inner.startswith("attn.in_proj_"):
            kind = inner.removeprefix("attn.in_proj_")
            for letter, third in zip("qkv", tensor.chunk(3), strict=True):
                renamed[f"encoder.layers.{layer}.self_attn.{letter}_proj.{kind}"] = third
        else:
            module, _, kind = inner.rpartition(".")
            renamed[f"encoder.layers.{layer}.{_RENAMED[module]}.{kind}"] = tensor
    return renamed


def load_text_tower(encoder: Any, clip: Mapping[str, Tensor]) -> None:
    """Copy CLIP-mini's text tower into a ``CLIPTextModel``, exactly."""
    # transformers before version 5 puts everything below `text_model.`.
    prefix = "text_model." if any(name.startswith("text_model.") for name in encoder.state_dict()) else ""
    encoder.load_state_dict({prefix + name: tensor for name, tensor in text_tower(clip).items()})


def contrastive_loss(images: Tensor, texts: Tensor, same: Tensor, scale: Tensor) -> Tensor:
    """Return CLIP's loss of unit embeddings [n, d]; ``same`` [n, n]: equal captions are no negatives."""
    logits = scale * images @ texts.T
    other = same & ~torch.eye(len(images), dtype=torch.bool)
    logits = logits.masked_fill(other, -1e4)
    target = torch.arange(len(images))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


class TextStage(ScorerStage):
    """Learns which caption belongs to which rendering."""

    name = "text"
    steps = 1_600
    batch = 128
    sample_every = 1000
    pool_size = PoolSize(512, 32, 12)

    def __init__(self, session: TrainingSession) -> None:
        super().__init__(session)
        self.model: Any = build_clip(session.toy)
        names = dict(self.model.named_parameters())
        matrices = [n for n, p in names.items() if p.ndim == 2 and "resblocks" in n]
        self.optimizer = Optimizer(names, matrices, lr=2e-3, adam_lr={"": 1e-3})

    def load_source(self, folder: Path) -> None:
        """Start from an exported CLIP-mini."""
        self.model.load_state_dict(load_file(folder / "encoders" / "clip.safetensors"))

    def texts(self, rows: list[tuple[int, int]], step: int) -> list[str]:
        """Return a step's captions."""
        rng = np.random.default_rng((STREAMS[self.name], self.session.seed, step, 2))
        told = rng.random(len(rows)) < _TOLD
        return [str(self.pool.shards[s].captions[r, int(t)]) for (s, r), t in zip(rows, told, strict=True)]

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Return the contrastive loss of a batch of degraded renderings and their captions."""
        rows = self.pool.rows(step, self.batch)
        images, texts = self.pictures(rows), self.texts(rows, step)
        _, numbers = np.unique(texts, return_inverse=True)
        same = torch.from_numpy(numbers[:, None] == numbers[None])
        with mixed_precision():
            seen = self.model.encode_image(images)
            told = self.model.encode_text(torch.from_numpy(token_ids(texts)))
        seen, told = F.normalize(seen.float(), dim=-1), F.normalize(told.float(), dim=-1)
        scale = self.model.logit_scale.exp().clamp(max=50)
        return contrastive_loss(seen, told, same, scale), {"scale": float(scale.detach())}

    def sample(self, model: nn.Module, file: Path) -> dict[str, float]:
        """Return the share of renderings that find their caption among 100 that differ (5 draws)."""
        clip: Any = model
        shard = self.held_back(8 if self.session.toy else 1000)
        right = total = 0
        for start in range(0, len(shard.images), 200):
            texts = shard.captions[start : start + 200, 1]
            kept = np.sort(np.unique(texts, return_index=True)[1])[:100]
            seen = clip.encode_image(from_pixels(shard.images[start + kept]), normalize=True)
            told = clip.encode_text(torch.from_numpy(token_ids(texts[kept].tolist())), normalize=True)
            right += int(((seen @ told.T).argmax(1) == torch.arange(len(kept))).sum())
            total += len(kept)
        write_grid(to_pixels(self.recent()), 8, file)
        return {"top1_of_100": right / total}
