"""Stage ``image-prompt``: IP-Adapter for the miniature, which shows its U-Net a photo beside the text.

The generator is frozen; only the image prompt learns. Its encoder is one of its own, learned here: an encoder
that also scores would reward itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from dreambench.errors import DreambenchError
from miniature.train.data import STREAMS, VIEWS, PoolSize, Shard
from miniature.train.image_prompt import ADAPTER_FILE, ImagePrompt, shown
from miniature.train.optimizer import Optimizer
from miniature.train.samples import draw, from_pixels, to_pixels, write_grid
from miniature.train.stage import Stage, TrainingSession, averaged_weights
from miniature.train.tokenizer import token_ids
from miniature.train.train_dino import instance_loss
from miniature.train.train_unet import (
    Diffusion,
    LatentShard,
    build_scheduler,
    draw_timesteps,
    encode_shard,
    load_exported,
    unet_vae,
)

#: As in the authors' training script: without text, without the photo, and without both.
NO_TEXT, NO_PHOTO, NEITHER = 0.05, 0.05, 0.05
#: How often a caption says the subject's colors and pattern: seldom, since the photo is to say them.
_TOLD = 0.1
#: The weight of the encoder's own task, knowing a subject again, beside the drawing.
_INSTANCE = 0.05
#: A subject's latents weigh 1 + this.
_MASK_WEIGHT = 1.5


@dataclass(frozen=True)
class _PhotoShard:
    """A shard's latents to learn to draw, and its renderings to show."""

    latents: LatentShard
    images: np.ndarray


def _encoded(vae: Any, shard: Shard) -> _PhotoShard:
    return _PhotoShard(encode_shard(vae, shard), shard.images)


class ImagePromptStage(Stage):
    """Learns to draw a subject from one view of it, in the place and pose that a caption and noise say."""

    name = "image-prompt"
    steps = 4_000
    batch = 32
    ema = 0.998
    sample_every = 1000
    pool_size = PoolSize(512, 12, 12)

    def __init__(self, session: TrainingSession) -> None:
        super().__init__(session)
        self.generator: Any = Diffusion(session.toy).requires_grad_(False).eval()
        self._load_generator(session)
        self.generator.unet.to(memory_format=torch.channels_last)
        self.model: Any = ImagePrompt(self.generator.unet, session.toy).requires_grad_(True)
        self.model.attach(self.generator.unet)
        names = dict(self.model.named_parameters())
        matrices = [n for n, p in names.items() if p.ndim == 2 and ".layers." in n]
        self.optimizer = Optimizer(names, matrices, lr=2e-3, adam_lr={"": 1e-3})
        self.scheduler = build_scheduler()
        self.vae = unet_vae(session).eval().requires_grad_(False)
        self.make_pool(partial(_encoded, self.vae))

    def _load_generator(self, session: TrainingSession) -> None:
        """Take the U-Net and text encoder of the stage ``unet``, or those of an exported pipeline."""
        weights = averaged_weights(session.work, "unet")
        if weights:
            self.generator.load_state_dict(weights)
        elif session.source:
            load_exported(self.generator, session.source)
        else:
            raise DreambenchError(
                f"{session.work} holds no unet weights", "run the stage `unet` first, or give --from FOLDER"
            )

    def load_source(self, folder: Path) -> None:
        """Start from an exported adapter; from nothing where the export has none."""
        from transformers import CLIPVisionModelWithProjection

        exported = folder / "ip_adapter"
        if not (exported / ADAPTER_FILE).is_file():
            return
        encoder: Any = CLIPVisionModelWithProjection.from_pretrained(
            exported / "image_encoder", dtype=torch.float32
        )
        self.model.encoder.load_state_dict(encoder.state_dict())
        tensors = load_file(exported / ADAPTER_FILE)
        for name, weight in self.model.original_layout().items():
            weight.data.copy_(tensors[name])

    def pairs(self, step: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return (shard, row) of what is drawn, and of another view of each subject, which is shown."""
        rng = np.random.default_rng((STREAMS[self.name], self.session.seed, step, 2))
        drawn = self.pool.rows(step, self.batch)
        seen = [
            (shard, row - row % VIEWS + (row + int(rng.integers(1, VIEWS))) % VIEWS) for shard, row in drawn
        ]
        return drawn, seen

    def _photos(self, rows: list[tuple[int, int]]) -> Tensor:
        return from_pixels(np.stack([self.pool.shards[shard].images[row] for shard, row in rows]))

    def _texts(self, rows: list[tuple[int, int]], rng: np.random.Generator) -> list[str]:
        told = rng.random(len(rows)) < _TOLD
        captions = [self.pool.shards[s].latents.captions[r] for s, r in rows]
        return [str(pair[int(which)]) for pair, which in zip(captions, told, strict=True)]

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Return the weighted squared error of the velocity, and a little of the encoder's instance loss."""
        drawn, seen = self.pairs(step)
        rng = np.random.default_rng((STREAMS[self.name], self.session.seed, step, 3))
        lucky = torch.from_numpy(rng.random(len(drawn)))
        no_text = (lucky < NO_TEXT) | (lucky > 1 - NEITHER)
        no_photo = ((lucky >= NO_TEXT) & (lucky < NO_TEXT + NO_PHOTO)) | (lucky > 1 - NEITHER)
        captions = self._texts(drawn, rng)
        texts = ["" if without else text for text, without in zip(captions, no_text, strict=True)]
        shards = self.pool.shards
        mean = torch.stack([shards[s].latents.mean[r] for s, r in drawn]).float()
        deviation = torch.stack([shards[s].latents.deviation[r] for s, r in drawn]).float()
        masks = torch.stack([shards[s].latents.masks[r] for s, r in drawn])[:, None].float() / 255
        latents = mean + deviation * torch.randn_like(mean)
        noise, timesteps = torch.randn_like(latents), draw_timesteps(len(drawn))
        noisy = self.scheduler.add_noise(latents, noise, timesteps)
        target = self.scheduler.get_velocity(latents, noise, timesteps)
        with torch.no_grad():
            text = self.generator.text(torch.from_numpy(token_ids(texts))).last_hidden_state
        embedded = self.model.embed(torch.cat([self._photos(seen), self._photos(drawn)]))
        prompts = embedded[: len(drawn)].masked_fill(no_photo[:, None], 0.0)
        predicted = self.generator.unet(
            noisy, timesteps, text, added_cond_kwargs={"image_embeds": [prompts[:, None]]}
        ).sample
        error = (predicted - target).square()
        weight = 1 + _MASK_WEIGHT * masks
        instance = instance_loss(F.normalize(embedded, dim=-1))
        figures = {"mse": float(error.detach().mean()), "instance": float(instance.detach())}
        return (error * weight).mean() / weight.mean() + _INSTANCE * instance, figures

    def sample(self, model: nn.Module, file: Path) -> dict[str, float]:
        """Draw each shown photo's subject anew, under its own class noun: photo and image side by side."""
        index, size = next(iter(self.pool.shards)), 4 if self.session.toy else 24
        rows = [(index, row * VIEWS) for row in range(size)]
        photos, captions = self._photos(rows), self._texts(rows, np.random.default_rng(0))
        tool: Any = model
        try:
            tool.attach(self.generator.unet)
            text = self.generator.text(torch.from_numpy(token_ids([*captions, ""]))).last_hidden_state
            unet = shown(self.generator.unet, tool.embed(photos))
            steps = 2 if self.session.toy else 20
            images = draw(unet, self.vae, build_scheduler(), text[:-1], text[-1:], steps, guidance_scale=2.0)
        finally:
            self.model.attach(self.generator.unet)
        side_by_side = torch.stack([photos, images.float()], dim=1).flatten(0, 1)
        write_grid(to_pixels(side_by_side), 8, file)
        return {}
