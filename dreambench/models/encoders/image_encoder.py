"""What every image encoder is: a transform, a forward pass, and one number per feature."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.overrides import TorchFunctionMode

from dreambench.models.exact_float32 import in_float32


def check_image(image: object) -> Image.Image:
    """Return ``image`` if it is an RGB PIL image; raise TypeError otherwise."""
    if not isinstance(image, Image.Image):
        raise TypeError(f"an encoder takes PIL images, not {type(image).__name__}")
    if image.mode != "RGB":
        raise TypeError(f"an encoder takes RGB images, not mode {image.mode}")
    return image


class ImageEncoder(ABC):
    """An image encoder in float32, in eval mode and without gradients.

    ``preprocess`` is safe to call from several threads; ``forward`` is for one. ``size`` is the side of
    the preprocessed square in pixels.
    """

    def __init__(
        self, model: Any, transform: Callable[[Image.Image], Tensor], size: int, device: torch.device
    ) -> None:
        self.model = model.to(device).float().eval().requires_grad_(False)
        self.transform, self.size, self.device = transform, size, device

    def preprocess(self, image: Image.Image) -> Tensor:
        """Return the float32 tensor [3, size, size] of one RGB image; raises TypeError otherwise."""
        return self.transform(check_image(image))

    @abstractmethod
    def _embed(self, batch: Tensor) -> Tensor:
        """Return the raw embeddings of a checked batch that is on the device."""

    def forward(self, batch: Tensor) -> Tensor:
        """Return raw embeddings [n, d], float32 on the CPU, of preprocessed images [n, 3, size, size]."""
        wanted = (3, self.size, self.size)
        if not isinstance(batch, Tensor) or batch.dtype != torch.float32:
            raise TypeError("forward takes a float32 tensor of preprocessed images")
        if batch.ndim != 4 or tuple(batch.shape[1:]) != wanted:
            raise ValueError(f"forward takes [n, 3, {self.size}, {self.size}], not {list(batch.shape)}")
        with torch.inference_mode(), in_float32(self.device):
            return self._embed(batch.to(self.device)).float().cpu()

    def embed_images(self, images: Sequence[Image.Image]) -> Tensor:
        """Return raw, unnormalized embeddings [n, d], float32 on the CPU, of RGB images."""
        return self.forward(torch.stack([self.preprocess(image) for image in images]))


class WithoutRandomWeights(TorchFunctionMode):
    """Models that are built in this context get no random weights: their files give them all of theirs.

    Drawing them takes 1.4 CPU seconds for CLIP ViT-B/32, 6 for ViT-L/14, and 1.6 for VGG in LPIPS.
    """

    # timm's own truncated normal distribution ends with erfinv_.
    _DRAWN = frozenset(
        {"uniform_", "normal_", "trunc_normal_", "erfinv_"}
        | {f"{kind}_{shape}_" for kind in ("kaiming", "xavier") for shape in ("uniform", "normal")}
    )

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Return the tensor unchanged where a function would draw its values."""
        if getattr(function, "__name__", "") in self._DRAWN:
            return args[0] if args else kwargs["tensor"]
        return function(*args, **(kwargs or {}))
