"""Stage ``vae``: the autoencoder, 64 x 64 pixels to 16 x 16 latents of 4 channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dreambench.errors import DreambenchError
from miniature.train.data import PoolSize, Shard, render_shard
from miniature.train.optimizer import Optimizer
from miniature.train.samples import from_pixels, grid_of, mixed_precision, psnr, write_grid
from miniature.train.stage import DECAY, Stage, TrainingSession, averaged_weights

#: Half of the pictures' sides while the learning rate is constant; whole pictures while it decays.
CROP = 32
KL_WEIGHT = 5e-4
#: How many renderings the latents' mean and deviation are measured on.
_MEASURED = 512


def build_vae(toy: bool = False) -> Any:
    """Return a fresh autoencoder: 0.8 million parameters, no attention, ``scaling_factor`` 1."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(8, 8, 8) if toy else (32, 48, 64),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4 if toy else 8,
        sample_size=64,
        scaling_factor=1.0,
        mid_block_add_attention=False,
    )


@torch.no_grad()
def fold_normalization(vae: Any, mean: Tensor, deviation: Tensor) -> None:
    """Change the 1 x 1 convolutions around the latents so that they have mean 0 and deviation 1.

    ``mean`` and ``deviation`` [4] are those of the latents now. Decoded images stay the same, and plain
    pipelines find their ``scaling_factor`` of 1 to be right.
    """
    into, out = vae.quant_conv, vae.post_quant_conv
    into.weight[:4] /= deviation[:, None, None, None]
    into.bias[:4] = (into.bias[:4] - mean) / deviation
    into.bias[4:] -= 2 * deviation.log()
    out.bias += out.weight[:, :, 0, 0] @ mean
    out.weight *= deviation[None, :, None, None]


@torch.inference_mode()
def normalized(vae: Any, toy: bool = False) -> Any:
    """Fold the statistics of renderings into an autoencoder's latents, in place, and return it."""
    images = from_pixels(render_shard("vae", 0, 1_000_000, 16 if toy else _MEASURED).images)
    sampled = torch.cat([_noisy(vae.encode(part).latent_dist) for part in images.split(64)])
    fold_normalization(vae, sampled.mean((0, 2, 3)), sampled.std((0, 2, 3)))
    return vae


def _noisy(posterior: Any) -> Tensor:
    mean, deviation = posterior.mean, posterior.std
    return mean + deviation * torch.randn(mean.shape, generator=torch.Generator().manual_seed(0))


def load_vae(session: TrainingSession) -> Any | None:
    """Return the averaged autoencoder of ``--work``, else that of ``--from``, normalized; or None."""
    from diffusers import AutoencoderKL

    weights = averaged_weights(session.work, "vae")
    if weights:
        vae = build_vae(session.toy)
        vae.load_state_dict(weights)
        vae = normalized(vae, session.toy)
    elif session.source and (session.source / "pipeline" / "vae").is_dir():
        vae = AutoencoderKL.from_pretrained(session.source / "pipeline" / "vae", torch_dtype=torch.float32)
    else:
        return None
    return vae.eval().requires_grad_(False)


def need_vae(session: TrainingSession) -> Any:
    """Return the autoencoder as ``load_vae``; raise ``DreambenchError`` where there is none."""
    vae = load_vae(session)
    if vae is None:
        raise DreambenchError(
            f"{session.work} holds no autoencoder", "run the stage `vae` first, or give --from FOLDER"
        )
    return vae


def reconstruction_loss(output: Tensor, images: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted L1 distance of pixels, of their differences (edges), and of blurred pixels.

    Images [n, 3, h, w]; ``weight`` [n, 1, h, w]. Edges keep eyes and thin lines, the blurred term keeps
    the color of areas.
    """
    error = output - images
    pixels = (error.abs() * weight).mean()
    across = ((error[..., 1:] - error[..., :-1]).abs() * weight[..., 1:]).mean()
    down = ((error[..., 1:, :] - error[..., :-1, :]).abs() * weight[..., 1:, :]).mean()
    return pixels + across + down + 0.5 * F.avg_pool2d(error, 4).abs().mean()


class VaeStage(Stage):
    """Learns to compress; crops at first, whole pictures at the end."""

    name = "vae"
    steps = 6_500
    batch = 32
    sample_every = 1000
    pool_size = PoolSize(512, 24, 8)

    def __init__(self, session: TrainingSession) -> None:
        super().__init__(session)
        self.model: Any = build_vae(session.toy)
        names = dict(self.model.named_parameters())
        inner = [n for n, p in names.items() if p.ndim == 4 and "conv_in" not in n and "conv_out" not in n]
        matrices = [n for n in inner if "quant_conv" not in n]
        self.optimizer = Optimizer(names, matrices, lr=2e-3, adam_lr={"": 1e-3})
        self.make_pool(lambda shard: shard)
        self.shown = from_pixels(
            render_shard("vae", session.seed, 2_000_000, 16 if session.toy else 64).images
        )

    def load_source(self, folder: Path) -> None:
        """Start from an exported autoencoder."""
        from diffusers import AutoencoderKL

        exported = AutoencoderKL.from_pretrained(folder / "pipeline" / "vae", torch_dtype=torch.float32)
        self.model.load_state_dict(exported.state_dict())

    def _batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Return images and the subjects' masks, as crops or whole: as many pixels either way."""
        whole = step >= self.steps * (1 - DECAY)
        rows = self.pool.rows(step, self.batch // 4 if whole else self.batch)
        shards: dict[int, Shard] = self.pool.shards
        images = from_pixels(torch.stack([torch.from_numpy(shards[s].images[r]) for s, r in rows]).numpy())
        masks = torch.stack([torch.from_numpy(shards[s].masks[r]) for s, r in rows])[:, None].float() / 255
        masks = F.interpolate(masks, scale_factor=4)
        if whole:
            return images, masks
        corners = torch.randint(0, (64 - CROP) // 4 + 1, (len(rows), 2)).mul(4).tolist()
        pick = [(slice(None), slice(y, y + CROP), slice(x, x + CROP)) for y, x in corners]
        return (
            torch.stack([image[at] for image, at in zip(images, pick, strict=True)]),
            torch.stack([mask[at] for mask, at in zip(masks, pick, strict=True)]),
        )

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Return reconstruction loss and a small Kullback-Leibler term; subjects count double."""
        images, masks = self._batch(step)
        with mixed_precision():
            posterior = self.model.encode(images).latent_dist
            latents = posterior.mean + posterior.std * torch.randn_like(posterior.mean)
            output = self.model.decode(latents).sample
        distance = reconstruction_loss(output.float(), images, 1 + masks)
        divergence = posterior.kl().mean() / posterior.mean[0].numel()
        return distance + KL_WEIGHT * divergence, {"kl": float(divergence.detach())}

    def sample(self, model: nn.Module, file: Path) -> dict[str, float]:
        """Show renderings beside their round trips; return the ratio of signal and noise."""
        vae: Any = model
        rebuilt = torch.cat(
            [vae.decode(vae.encode(p).latent_dist.mode()).sample for p in self.shown.split(16)]
        )
        write_grid(grid_of([self.shown[:32], rebuilt[:32]]), 8, file, scale=3)
        return {"psnr": psnr(rebuilt, self.shown)}
