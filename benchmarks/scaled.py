"""Stable Diffusion 1.5's architecture, at full or reduced width, with random weights.

The tests' tiny pipeline has too few blocks for realistic relative costs of its U-Net and VAE. This one has
every block of the real model. As a script it writes a pipeline's folder::

    python benchmarks/scaled.py FOLDER [--width 1.0]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.material import tiny


def build(folder: Path, width: float = 0.25) -> Path:
    """Save Stable Diffusion 1.5 with all widths times ``width`` (1.0: the real sizes) and random weights."""
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)

    def wide(*sizes: int) -> tuple[int, ...]:
        return tuple(int(size * width) for size in sizes)

    (text,) = wide(768)
    unet = UNet2DConditionModel(
        sample_size=64, block_out_channels=wide(320, 640, 1280, 1280), cross_attention_dim=text,
        attention_head_dim=8, norm_num_groups=32 if width == 1 else 8,
    )  # fmt: skip
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=wide(128, 256, 512, 512), layers_per_block=2, latent_channels=4,
        norm_num_groups=32 if width == 1 else 8, sample_size=512,
    )  # fmt: skip
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=49408, hidden_size=text, intermediate_size=4 * text, num_hidden_layers=12,
            num_attention_heads=12, hidden_act="quick_gelu", eos_token_id=49407, projection_dim=text,
        )
    )  # fmt: skip
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
        clip_sample=False, set_alpha_to_one=False, steps_offset=1,
    )  # fmt: skip
    pipeline = StableDiffusionPipeline(
        vae=vae, text_encoder=text_encoder, tokenizer=tiny.build_tokenizer(), unet=unet, scheduler=scheduler,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--width", type=float, default=1.0)
    arguments = parser.parse_args()
    build(arguments.folder, arguments.width)
