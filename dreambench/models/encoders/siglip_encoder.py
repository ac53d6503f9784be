"""SigLIP's image tower by timm: the pooled embedding of its attention head."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torchvision import transforms

from dreambench.errors import DreambenchError
from dreambench.models.encoders.dino_encoder import model_for
from dreambench.models.encoders.image_encoder import ImageEncoder
from dreambench.spec.protocol_spec import DinoSpec


class SiglipEncoder(ImageEncoder):
    """A Vision Transformer whose embedding is what its attention pooling gives.

    The transform is that of timm and open_clip: the whole image squeezed to a square, bicubic, and scaled to
    [-1, 1]. The authors' own, and transformers' for SigLIP 2, is bilinear.
    """

    def __init__(self, model: nn.Module, size: int, device: torch.device) -> None:
        transform = transforms.Compose(
            [
                # PIL's bicubic resize always antialiases.
                transforms.Resize((size, size), interpolation=transforms.InterpolationMode.BICUBIC),
                transforms.ToTensor(),
                transforms.Normalize((0.5,) * 3, (0.5,) * 3),
            ]
        )
        super().__init__(model, transform, size, device)

    def _embed(self, batch: Tensor) -> Tensor:
        pooled: Tensor = self.model(batch)
        return pooled


class SiglipPatchEncoder(SiglipEncoder):
    """The same tower without its pooling: an image's embedding is its patch tokens after the final norm.

    ``forward`` returns [n, rows x columns, d]; ``grid`` is (rows, columns).
    """

    def __init__(self, model: nn.Module, size: int, device: torch.device) -> None:
        super().__init__(model, size, device)
        rows, columns = self.model.patch_embed.grid_size
        self.grid = (int(rows), int(columns))

    def _embed(self, batch: Tensor) -> Tensor:
        tokens: Tensor = self.model.forward_features(batch)[:, self.model.num_prefix_tokens :]
        return tokens


def load_siglip(spec: DinoSpec, device: str | torch.device) -> SiglipEncoder:
    """Load a SigLIP image tower: a timm name with ``hub`` weights, or a safetensors file.

    Raises DreambenchError, one line, where the weights are missing, pickled, or do not fit, and where the
    model has no attention pooling.
    """
    model: Any = model_for(spec)
    if getattr(model, "attn_pool", None) is None:
        raise DreambenchError(
            f"{spec.place}.model={spec.model} has no attention pooling", "use a SigLIP model of timm"
        )
    return SiglipEncoder(model, spec.crop, torch.device(device))


def load_siglip_patches(spec: DinoSpec, device: str | torch.device) -> SiglipPatchEncoder:
    """Load a SigLIP image tower for its patch tokens. Raises DreambenchError like ``load_siglip``."""
    pooled = load_siglip(spec, device)
    return SiglipPatchEncoder(pooled.model, pooled.size, pooled.device)
