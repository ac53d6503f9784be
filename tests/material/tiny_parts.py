"""Parts of tiny pipelines that several families share, and how a pipeline of random weights is saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.material.tiny import TINY_TOKENS
from tests.material.tiny_tokenizers import VOCABULARY

IMAGE_SIZE = 32


def save_tiny(pipeline: Any, folder: Path) -> Path:
    """Save a pipeline of random weights, none of them trivial, and return its folder."""
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            _fill(part.eval())
    if hasattr(pipeline, "transformer"):
        _spread(pipeline.transformer)
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def _fill(module: torch.nn.Module) -> None:
    """Give values to weights that a library leaves empty, zero or equal: nothing may be trivially right."""
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            if not parameter.isfinite().all() or parameter.std(correction=0) == 0:
                drawn = torch.randn(parameter.shape, generator=rng) * 0.2
                parameter.copy_(drawn + (1.0 if parameter.ndim == 1 else 0.0))


def _spread(transformer: torch.nn.Module) -> None:
    """Redraw matrices with a larger spread, so that a caption matters to what the transformer says."""
    rng = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in transformer.parameters():
            if parameter.ndim == 2:
                parameter.copy_(torch.randn(parameter.shape, generator=rng) * parameter.shape[1] ** -0.5)


def tiny_clip(projected: bool = False) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=TINY_TOKENS,
        hidden_size=32,
        intermediate_size=37,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=77,
        projection_dim=32,
        bos_token_id=TINY_TOKENS - 2,
        eos_token_id=TINY_TOKENS - 1,
        pad_token_id=1,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def tiny_t5() -> Any:
    from transformers import T5Config, T5EncoderModel

    config = T5Config(
        vocab_size=VOCABULARY, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4, num_decoder_layers=1
    )
    return T5EncoderModel(config)


def tiny_vae(channels: int, **changes: Any) -> Any:
    from diffusers import AutoencoderKL

    fields = {
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "block_out_channels": (8, 8),
        "layers_per_block": 1,
        "latent_channels": channels,
        "norm_num_groups": 4,
        "sample_size": IMAGE_SIZE,
        **changes,
    }
    return AutoencoderKL(**fields)


def flow_scheduler(**changes: Any) -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(**changes)
