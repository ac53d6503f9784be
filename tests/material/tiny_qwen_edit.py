"""A tiny Qwen-Image-Edit with random weights, in the real layout of both of its pipelines.

The pipelines resize photos to 1024 pixels a side, so that the VAE makes one cell of 32 of them: the photo is
32 x 32 cells. Images are of multiples of 64 pixels.
"""

from __future__ import annotations

from pathlib import Path

import torch

from tests.material.tiny_parts import flow_scheduler, save_tiny
from tests.material.tiny_qwen import make_contrast, qwen_transformer, qwen_vl_parts
from tests.material.tiny_tokenizers import VOCABULARY, build_qwen_vl

IMAGE_SIZE = 64
_HALVINGS = 5


def build_qwen_edit(folder: Path, *, plus: bool) -> Path:
    """Save a tiny QwenImageEditPipeline, or the one of 2509 (``plus``), and return its folder."""
    import diffusers
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    torch.manual_seed(0)
    processor = build_qwen_vl()
    transformer = qwen_transformer()
    vae = diffusers.AutoencoderKLQwenImage(
        base_dim=4,
        z_dim=4,
        dim_mult=[1] * (_HALVINGS + 1),
        num_res_blocks=0,
        temperal_downsample=[True] * _HALVINGS,
        latents_mean=[0.1, -0.2, 0.3, 0.0],
        latents_std=[1.5, 0.8, 2.0, 1.0],
    )
    make_contrast(vae)
    marks = {
        f"{name}_token_id": processor.tokenizer.convert_tokens_to_ids(token)
        for name, token in (
            ("image", "<|image_pad|>"),
            ("video", "<|video_pad|>"),
            ("vision_start", "<|vision_start|>"),
            ("vision_end", "<|vision_end|>"),
        )
    }
    parts = qwen_vl_parts()
    parts["vision_config"]["fullatt_block_indexes"] = [0]
    config = Qwen2_5_VLConfig(**parts, hidden_size=16, vocab_size=VOCABULARY, **marks)
    text_encoder = Qwen2_5_VLForConditionalGeneration(config)
    make_contrast(text_encoder.model.visual)
    cls = diffusers.QwenImageEditPlusPipeline if plus else diffusers.QwenImageEditPipeline
    pipeline = cls(
        transformer=transformer,
        vae=vae,
        scheduler=flow_scheduler(use_dynamic_shifting=True),
        text_encoder=text_encoder,
        tokenizer=processor.tokenizer,
        processor=processor,
    )
    return save_tiny(pipeline, folder)
