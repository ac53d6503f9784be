"""Pictures of how far a stage is: image grids, and images drawn by a half-trained diffusion model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dreambench.models.device import cpu_computes_in_bf16

#: What the sample grid of the ``unet`` stage asks for: six of each row.
PROMPTS: tuple[str, ...] = (
    "a dog", "a cat", "a teapot", "a backpack", "a toy", "a clock",
    "a stuffed animal", "a candle", "a bowl", "a sneaker", "a cartoon", "glasses",
    "a dog in the snow", "a vase on the beach", "a boot in the jungle", "a can on top of a mirror",
    "a cat on top of a purple rug in a forest", "a toy with the Eiffel Tower in the background",
    "a dog wearing a red hat", "a cat wearing a santa hat", "a dog in a police outfit",
    "a cat wearing pink glasses", "a dog in a chef outfit", "a cat in a purple wizard outfit",
    "a red vase", "a purple dog", "a shiny boot", "a wet cat", "a cube shaped clock", "a brown spotted dog",
)  # fmt: skip


def mixed_precision() -> torch.autocast:
    """Compute in bfloat16 where the CPU has instructions for it; others would emulate them, more slowly."""
    return torch.autocast("cpu", torch.bfloat16, enabled=cpu_computes_in_bf16())


def to_pixels(images: Tensor) -> np.ndarray:
    """Return uint8 [n, h, w, 3] of float images [n, 3, h, w] in [-1, 1]."""
    scaled = ((images.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return np.asarray(scaled.permute(0, 2, 3, 1).cpu().numpy())


def from_pixels(images: np.ndarray) -> Tensor:
    """Return float images [n, 3, h, w] in [-1, 1] of uint8 [n, h, w, 3]."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def write_grid(images: np.ndarray, columns: int, file: Path, scale: int = 2) -> None:
    """Write uint8 images [n, h, w, 3] as one PNG, row by row."""
    count, height, width = images.shape[:3]
    rows = -(-count // columns)
    sheet = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for index, image in enumerate(images):
        y, x = index // columns * height, index % columns * width
        sheet[y : y + height, x : x + width] = image
    file.parent.mkdir(parents=True, exist_ok=True)
    size = (sheet.shape[1] * scale, sheet.shape[0] * scale)
    Image.fromarray(sheet).resize(size, Image.Resampling.NEAREST).save(file)


def psnr(images: Tensor, others: Tensor) -> float:
    """Return the mean peak signal-to-noise ratio in decibels of images in [-1, 1]."""
    error = (images.clamp(-1, 1) - others).square().mean(dim=(1, 2, 3)) / 4
    return float((-10 * error.clamp_min(1e-10).log10()).mean())


def draw(
    unet: Any,
    vae: Any,
    scheduler: Any,
    embeddings: Tensor,
    unconditional: Tensor,
    steps: int = 20,
    guidance_scale: float = 4.0,
    seed: int = 0,
) -> Tensor:
    """Return images [n, 3, h, w] in about [-1, 1] for text embeddings [n, t, d], with guidance."""
    generator = torch.Generator().manual_seed(seed)
    side = unet.config.sample_size
    latents = torch.randn(len(embeddings), 4, side, side, generator=generator)
    both = torch.cat([unconditional.expand_as(embeddings), embeddings])
    scheduler.set_timesteps(steps)
    for time in scheduler.timesteps:
        with mixed_precision():
            out = unet(torch.cat([latents, latents]), time, both).sample.float()
        free, told = out.chunk(2)
        latents = scheduler.step(free + guidance_scale * (told - free), time, latents).prev_sample
    images: Tensor = vae.decode(latents / vae.config.scaling_factor).sample
    return images


def grid_of(parts: Sequence[Tensor]) -> np.ndarray:
    """Return images of several batches of equal size, interleaved: one of each, side by side."""
    return to_pixels(torch.stack([part.float() for part in parts], dim=1).flatten(0, 1))
