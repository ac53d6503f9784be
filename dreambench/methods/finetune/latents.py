"""Images as VAE posteriors, encoded once, and the draws from them at every step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from dreambench.dataset import read_image
from dreambench.errors import DreambenchError
from dreambench.models.base_model import BaseModel
from dreambench.store.sealed_rows import read_rows, write_rows

_ENCODE_BATCH = 4
_GPU_PIXELS = 4 * 512**2


@dataclass(frozen=True)
class Posteriors:
    """Means and standard deviations [n, c, h, w] of n images' latents, float32 on the CPU.

    ``shift`` and ``scale`` (numbers, or [1, c, 1, 1]) turn a VAE latent into the denoiser's:
    ``(z - shift) * scale``.
    """

    mean: torch.Tensor
    std: torch.Tensor
    scale: Any
    shift: Any = 0.0

    def __len__(self) -> int:
        return int(self.mean.shape[0])

    def draw(self, indices: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Draw latents [b, c, h, w] of the images at ``indices`` [b] from their posteriors."""
        mean, std = self.mean[indices], self.std[indices]
        noise = torch.randn(mean.shape, generator=generator)
        return (mean + std * noise - self.shift) * self.scale


@dataclass
class ShuffledIndices:
    """Draws image indices without replacement, and shuffles all of them again when none is left."""

    size: int
    generator: torch.Generator
    _left: list[int] = field(default_factory=list)

    def draw(self, count: int) -> torch.Tensor:
        """Return the next ``count`` indices as an int64 tensor."""
        drawn = []
        for _ in range(count):
            if not self._left:
                self._left = torch.randperm(self.size, generator=self.generator).tolist()
            drawn.append(self._left.pop())
        return torch.tensor(drawn)


def pixels(image: Image.Image, size: int) -> torch.Tensor:
    """Return an RGB image as [3, size, size] in [-1, 1]: short side resized (bicubic), center cropped."""
    width, height = image.size
    factor = size / min(width, height)
    resized = image.resize(
        (max(size, round(width * factor)), max(size, round(height * factor))), Image.Resampling.BICUBIC
    )
    left, top = (resized.width - size) // 2, (resized.height - size) // 2
    cropped = resized.crop((left, top, left + size, top + size))
    array = np.asarray(cropped, dtype=np.float32) / 127.5 - 1
    return torch.from_numpy(array).permute(2, 0, 1)


def encode_posteriors(
    base: BaseModel, images: Sequence[Path], size: int, mirrored: bool = False
) -> Posteriors:
    """Encode image files by a base model's frozen VAE, in float32, because half precision can overflow.

    With ``mirrored`` each image is followed by its mirror image.
    """
    means, stds = [], []
    vae = base.frozen("vae")
    at_once = _ENCODE_BATCH
    if base.device.type == "cuda":
        # In float32, several large photos at once would be the peak of a training with adapters.
        at_once = max(1, min(at_once, _GPU_PIXELS // size**2))
    for start in range(0, len(images), at_once):
        batch = [pixels(read_image(path), size) for path in images[start : start + at_once]]
        if mirrored:
            batch = [side for image in batch for side in (image, image.flip(-1))]
        with torch.inference_mode():
            mean, std = base.family.latent_statistics(vae, torch.stack(batch).to(base.device))
        if not bool(mean.isfinite().all() and std.isfinite().all()):
            raise DreambenchError(
                f"the VAE's latents of {images[start]} and the next are not finite", "check the base model"
            )
        means.append(mean.float().cpu())
        stds.append(std.float().cpu())
    return _scaled(base, torch.cat(means), torch.cat(stds))


def cached_posteriors(
    base: BaseModel,
    images: Sequence[Path],
    size: int,
    cache: Path,
    say: Callable[[str], None] = lambda line: None,
) -> Posteriors:
    """Return ``encode_posteriors`` of images, cached in a safetensors file for the other subjects.

    A file that is damaged is made again, and ``say`` says so.
    """
    try:
        kept = read_rows(cache)
        if kept and not _are_posteriors(kept, len(images)):
            raise DreambenchError(f"{cache} is damaged")
    except DreambenchError:
        say(f"{cache} was damaged and is made again")
        kept = {}
    if not kept:
        encoded = encode_posteriors(base, images, size)
        kept = {"mean": encoded.mean.contiguous().numpy(), "std": encoded.std.contiguous().numpy()}
        write_rows(cache, kept)
    return _scaled(base, torch.from_numpy(kept["mean"]), torch.from_numpy(kept["std"]))


def _scaled(base: BaseModel, mean: torch.Tensor, std: torch.Tensor) -> Posteriors:
    shift, scale = base.family.latent_scaling(base.frozen("vae"))
    return Posteriors(mean, std, scale, shift)


def _are_posteriors(kept: Mapping[str, np.ndarray], count: int) -> bool:
    """Whether arrays are means and standard deviations of so many images, finite and not all zero."""
    mean, std = kept.get("mean"), kept.get("std")
    if mean is None or std is None or mean.shape != std.shape or len(mean) != count:
        return False
    return bool(np.isfinite(mean).all() and np.isfinite(std).all() and (std >= 0).all() and mean.any())
