"""Stage ``unet``: the latent diffusion model, U-Net and text encoder together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from miniature.train.data import STREAMS, PoolSize, Shard
from miniature.train.optimizer import Optimizer
from miniature.train.samples import PROMPTS, draw, from_pixels, mixed_precision, to_pixels, write_grid
from miniature.train.stage import Stage, TrainingSession, averaged_weights
from miniature.train.tokenizer import token_ids, with_filler
from miniature.train.train_clip import TEXT_WIDTH, build_text_encoder, load_text_tower
from miniature.train.train_vae import need_vae
from miniature.world import CLASS_NOUNS

CAPTION_DROPOUT = 0.1
#: How often a caption gets a word without meaning before its noun, where an identifier will stand.
FILLER_SHARE = 0.2
_TOLD = 0.5
#: A subject's latents weigh 1 + this: much at the start, which makes objects readable soon, and little at
#: the end, where more would roughen backgrounds.
MASK_WEIGHT = (1.5, 0.3)
#: The share of timesteps that are drawn uniformly, the others logit-normally.
_UNIFORM = 0.2


def build_unet(toy: bool = False) -> Any:
    """Return a fresh U-Net: 3.9 million parameters.

    Cross-attention is at 4 x 4 only, where it is cheap. So that the text also reaches the finer levels,
    it is pooled into the time embedding (``addition_embed_type="text"``), which scales and shifts every
    residual block; the U-Net is called as any other of Stable Diffusion's.
    """
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DCrossAttn",
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        block_out_channels=(16, 16, 16) if toy else (80, 96, 88),
        layers_per_block=1,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        norm_num_groups=8,
        resnet_time_scale_shift="scale_shift",
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
    )


def build_scheduler() -> Any:
    """Return DDIM with Stable Diffusion's noise schedule and v-prediction, from the last timestep on."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="v_prediction",
        timestep_spacing="trailing",
    )


class Diffusion(nn.Module):
    """U-Net and text encoder, trained as one."""

    def __init__(self, toy: bool = False) -> None:
        super().__init__()
        self.unet: Any = build_unet(toy)
        self.text: Any = build_text_encoder(toy)

    def forward(self, latents: Tensor, timesteps: Tensor, ids: Tensor) -> Tensor:
        """Return the predicted velocity [n, 4, 16, 16] of noisy latents under captions [n, t]."""
        predicted: Tensor = self.unet(latents, timesteps, self.text(ids).last_hidden_state).sample
        return predicted


@dataclass(frozen=True)
class LatentShard:
    """A shard as training needs it: the posterior's mean and deviation in float16, masks and captions."""

    mean: Tensor
    deviation: Tensor
    masks: Tensor
    captions: np.ndarray
    labels: np.ndarray


@torch.inference_mode()
def encode_shard(vae: Any, shard: Shard) -> LatentShard:
    """Return the latents' distribution of a shard's renderings."""
    means, deviations = [], []
    for part in from_pixels(shard.images).split(64):
        with mixed_precision():
            posterior = vae.encode(part).latent_dist
        means.append(posterior.mean.half())
        deviations.append(posterior.std.half())
    masks = torch.from_numpy(shard.masks)
    return LatentShard(torch.cat(means), torch.cat(deviations), masks, shard.captions, shard.labels)


def draw_timesteps(count: int) -> Tensor:
    """Return timesteps in 0..999, most of them where the noise hides detail but not everything."""
    normal = torch.randn(count).sigmoid()
    u = torch.where(torch.rand(count) < _UNIFORM, torch.rand(count), normal)
    return (u * 1000).long().clamp(max=999)


class UnetStage(Stage):
    """Learns to draw: predicts the velocity of noisy latents under captions."""

    name = "unet"
    steps = 14_000
    batch = 32
    ema = 0.9995
    sample_every = 2000
    pool_size = PoolSize(512, 48, 6)

    def __init__(self, session: TrainingSession) -> None:
        super().__init__(session)
        self.model: Any = Diffusion(session.toy)
        names = dict(self.model.named_parameters())
        inner = [n for n, p in names.items() if p.ndim >= 2 and n.startswith("unet.")]
        matrices = [n for n in inner if not any(o in n for o in ("conv_in", "conv_out", "embedding"))]
        # The text encoder has learned its words already, and moves slowly.
        self.optimizer = Optimizer(names, matrices, lr=2e-3, adam_lr={"unet.": 1e-3, "text.": 3e-4})
        self.vae = self._settle_vae()
        self.scheduler = build_scheduler()
        self.make_pool(lambda shard: encode_shard(self.vae, shard))
        clip = averaged_weights(session.work, "text")
        if clip:
            load_text_tower(self.model.text, clip)

    def _settle_vae(self) -> Any:
        """Return the autoencoder whose latents this U-Net learns: the one that was there at the start."""
        from diffusers import AutoencoderKL

        kept = self.folder / "vae"
        if not (kept / "config.json").is_file():
            need_vae(self.session).save_pretrained(kept)
        return AutoencoderKL.from_pretrained(kept).eval().requires_grad_(False)

    def load_source(self, folder: Path) -> None:
        """Start from an exported pipeline."""
        from diffusers import UNet2DConditionModel
        from transformers import CLIPTextModel

        for module, kind, name in (
            (self.model.unet, UNet2DConditionModel, "unet"),
            (self.model.text, CLIPTextModel, "text_encoder"),
        ):
            exported = kind.from_pretrained(folder / "pipeline" / name, torch_dtype=torch.float32)
            module.load_state_dict(exported.state_dict())

    def texts(self, rows: list[tuple[int, int]], step: int) -> list[str]:
        """Return a step's captions: some without words, some with a filler before the noun."""
        rng = np.random.default_rng((STREAMS[self.name], self.session.seed, step, 2))
        texts = []
        for index, row in rows:
            shard: LatentShard = self.pool.shards[index]
            text = str(shard.captions[row, int(rng.random() < _TOLD)])
            if rng.random() < FILLER_SHARE:
                text = with_filler(text, CLASS_NOUNS[int(shard.labels[row, 0])], rng)
            texts.append("" if rng.random() < CAPTION_DROPOUT else text)
        return texts

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Return the weighted squared error of the velocity (Salimans and Ho 2022)."""
        rows = self.pool.rows(step, self.batch)
        shards: dict[int, LatentShard] = self.pool.shards
        mean = torch.stack([shards[s].mean[r] for s, r in rows]).float()
        deviation = torch.stack([shards[s].deviation[r] for s, r in rows]).float()
        masks = torch.stack([shards[s].masks[r] for s, r in rows])[:, None].float() / 255
        latents = mean + deviation * torch.randn_like(mean)
        noise, timesteps = torch.randn_like(latents), draw_timesteps(len(rows))
        noisy = self.scheduler.add_noise(latents, noise, timesteps)
        target = self.scheduler.get_velocity(latents, noise, timesteps)
        ids = torch.from_numpy(token_ids(self.texts(rows, step)))
        with mixed_precision():
            predicted = self.model(noisy, timesteps, ids)
        error = (predicted.float() - target).square()
        early, late = MASK_WEIGHT
        weight = 1 + (early + (late - early) * self.progress(step)) * masks
        return (error * weight).mean() / weight.mean(), {"mse": float(error.detach().mean())}

    def sample(self, model: nn.Module, file: Path) -> dict[str, float]:
        """Draw the grid of ``PROMPTS``."""
        diffusion: Any = model
        prompts, steps = (PROMPTS[:2], 2) if self.session.toy else (PROMPTS, 20)
        embeddings = diffusion.text(torch.from_numpy(token_ids([*prompts, ""]))).last_hidden_state
        told, free = embeddings[:-1], embeddings[-1:]
        images = draw(diffusion.unet, self.vae, build_scheduler(), told, free, steps=steps)
        write_grid(to_pixels(images), 6, file)
        return {}
