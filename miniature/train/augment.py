"""Degraded renderings: what a generator's pictures suffer from, so that scorers do not key on sharpness."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from miniature.train.samples import from_pixels, mixed_precision, to_pixels


@torch.inference_mode()
def round_trip(vae: Any, images: np.ndarray, noise: float = 0.25, seed: int = 0) -> np.ndarray:
    """Return uint8 images [n, 64, 64, 3] after the autoencoder's round trip, with noisy latents."""
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for part in from_pixels(images).split(64):
        size = noise * torch.rand(len(part), 1, 1, 1, generator=generator)
        with mixed_precision():
            latents = vae.encode(part).latent_dist.mode().float()
            drawn = torch.randn(latents.shape, generator=generator)
            parts.append(to_pixels(vae.decode(latents + size * drawn).sample))
    return np.concatenate(parts)


def _blurred(images: Tensor) -> Tensor:
    sigma = 0.4 + 0.9 * float(torch.rand(()))
    at = torch.arange(-2, 3, dtype=torch.float32)
    kernel = torch.exp(-at.square() / (2 * sigma * sigma))
    kernel = (kernel / kernel.sum()).repeat(3, 1, 1, 1)
    padded = F.pad(images, (2, 2, 2, 2), mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel, groups=3), kernel.mT, groups=3)


def _shrunk(images: Tensor) -> Tensor:
    small = F.interpolate(images, scale_factor=0.5, mode="bilinear", antialias=True)
    return F.interpolate(small, size=images.shape[-2:], mode="bilinear")


def _noisy(images: Tensor) -> Tensor:
    size = 0.02 + 0.13 * torch.rand(len(images), 1, 1, 1)
    noise = torch.randn_like(images)
    # Half of the noise is coarse: a diffusion model's errors are blotches rather than grain.
    coarse = F.interpolate(torch.randn(len(images), 3, 16, 16), size=images.shape[-2:], mode="bilinear")
    return images + size * (noise if float(torch.rand(())) < 0.5 else coarse)


def _compressed(images: Tensor) -> Tensor:
    quality = int(torch.randint(30, 85, ()))
    parts = []
    for pixels in to_pixels(images):
        memory = io.BytesIO()
        Image.fromarray(pixels).save(memory, "JPEG", quality=quality)
        parts.append(np.asarray(Image.open(memory)))
    return from_pixels(np.stack(parts))


def augmented(images: Tensor, share: float = 0.6) -> Tensor:
    """Return images [n, 3, 64, 64] in [-1, 1], a ``share`` of them blurred, shrunk, noisy or compressed.

    Draws from torch's global generator.
    """
    order = torch.randperm(len(images))[: int(share * len(images))]
    result = images.clone()
    damages = (_blurred, _shrunk, _noisy, _compressed)
    for damage, part in zip(damages, order.chunk(len(damages)), strict=False):
        result[part] = damage(images[part])
    return result.clamp(-1, 1)


def jittered(images: Tensor, strength: float = 0.08) -> Tensor:
    """Return images with slightly other brightness, contrast and tint each."""
    count = len(images)
    gain = 1 + strength * (2 * torch.rand(count, 1, 1, 1) - 1)
    tint = 1 + 0.5 * strength * (2 * torch.rand(count, 3, 1, 1) - 1)
    shift = strength * (2 * torch.rand(count, 1, 1, 1) - 1)
    return (images * gain * tint + shift).clamp(-1, 1)
