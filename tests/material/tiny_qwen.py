"""Tiny pipelines with text encoders of the Qwen family: Qwen-Image and Z-Image."""

from __future__ import annotations

from typing import Any

import torch

from tests.material.tiny_parts import flow_scheduler, tiny_vae
from tests.material.tiny_tokenizers import VOCABULARY, build_qwen


def qwen_vl_parts() -> dict[str, Any]:
    """Return the configurations of a tiny Qwen2.5-VL, with which Qwen-Image reads prompts."""
    return {
        "text_config": {
            "vocab_size": VOCABULARY,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"},
            "rope_theta": 1000000.0,
        },
        "vision_config": {
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": 16,
        },
    }


def qwen3_config(layers: int) -> Any:
    """Return the configuration of a tiny Qwen3."""
    from transformers import Qwen3Config

    return Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=512,
    )


def qwen_transformer() -> Any:
    """Return the denoiser of a tiny Qwen-Image."""
    from diffusers import QwenImageTransformer2DModel

    return QwenImageTransformer2DModel(
        patch_size=2,
        in_channels=16,
        out_channels=4,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        guidance_embeds=False,
        axes_dims_rope=(8, 4, 4),
    )


def build_qwen_image() -> Any:
    """Return a tiny QwenImagePipeline."""
    from diffusers import AutoencoderKLQwenImage, QwenImagePipeline
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    transformer = qwen_transformer()
    vae = AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 2],
        num_res_blocks=1,
        temperal_downsample=[True],
        latents_mean=[0.1, -0.2, 0.3, 0.0],
        latents_std=[1.5, 0.8, 2.0, 1.0],
    )
    make_contrast(vae)
    marks = {
        name: VOCABULARY - 1 - number
        for number, name in enumerate(("vision_start_token_id", "vision_end_token_id", "vision_token_id"))
    }
    config = Qwen2_5_VLConfig(**qwen_vl_parts(), hidden_size=16, vocab_size=VOCABULARY, **marks)
    return QwenImagePipeline(
        transformer=transformer,
        vae=vae,
        scheduler=flow_scheduler(use_dynamic_shifting=True),
        text_encoder=Qwen2_5_VLForConditionalGeneration(config),
        tokenizer=build_qwen(),
    )


def build_z_image() -> Any:
    """Return a tiny ZImagePipeline."""
    from diffusers import ZImagePipeline, ZImageTransformer2DModel
    from transformers import Qwen3Model

    transformer = ZImageTransformer2DModel(
        all_patch_size=(2,),
        all_f_patch_size=(1,),
        in_channels=4,
        dim=32,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        norm_eps=1e-5,
        qk_norm=True,
        cap_feat_dim=16,
        rope_theta=256.0,
        t_scale=1000.0,
        axes_dims=[8, 4, 4],
        axes_lens=[1024, 32, 32],
    )
    return ZImagePipeline(
        transformer=transformer,
        vae=tiny_vae(4, scaling_factor=0.3611, shift_factor=0.1159),
        scheduler=flow_scheduler(shift=3.0),
        text_encoder=Qwen3Model(qwen3_config(2)),
        tokenizer=build_qwen(),
    )


def make_contrast(module: torch.nn.Module) -> None:
    """Redraw convolutions and matrices so that another input becomes another output, not the same one."""
    rng = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim >= 2:
                # Of a kernel's three moments a single image fills one.
                moments = parameter.shape[2] if parameter.ndim == 5 else 1
                inputs = max(parameter[0].numel() / moments, 1)
                parameter.copy_(torch.randn(parameter.shape, generator=rng) * (2 / inputs) ** 0.5)
