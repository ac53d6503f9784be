"""A tiny pipeline of every family: random weights, in diffusers' real layout, for images of 32 pixels.

As a script it writes one: ``python -m tests.material.tiny_families sdxl FOLDER``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from tests.material import tiny
from tests.material.tiny_parts import IMAGE_SIZE, flow_scheduler, save_tiny, tiny_clip, tiny_t5, tiny_vae
from tests.material.tiny_qwen import build_qwen_image, build_z_image, qwen3_config
from tests.material.tiny_tokenizers import VOCABULARY, build_mistral, build_qwen, build_t5


def build_family(name: str, folder: Path, *, seed: int = 0) -> Path:
    """Save a tiny pipeline of a family by its name, and return its folder."""
    torch.manual_seed(seed)
    return save_tiny(BUILDERS[name](), folder)


def _sdxl() -> Any:
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel

    unet = UNet2DConditionModel(
        block_out_channels=(8, 16),
        layers_per_block=1,
        sample_size=IMAGE_SIZE // 2,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 2),
        projection_class_embeddings_input_dim=6 * 8 + 32,
        cross_attention_dim=64,
        norm_num_groups=4,
    )
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        steps_offset=1,
        beta_schedule="scaled_linear",
        timestep_spacing="leading",
    )
    return StableDiffusionXLPipeline(
        vae=tiny_vae(4, scaling_factor=0.13025),
        text_encoder=tiny_clip(),
        text_encoder_2=tiny_clip(projected=True),
        tokenizer=tiny.build_tokenizer(),
        tokenizer_2=tiny.build_tokenizer(),
        unet=unet,
        scheduler=scheduler,
        add_watermarker=False,
    )


def _sd3() -> Any:
    from diffusers import SD3Transformer2DModel, StableDiffusion3Pipeline

    transformer = SD3Transformer2DModel(
        sample_size=IMAGE_SIZE // 2,
        patch_size=2,
        in_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=32,
        joint_attention_dim=64,
        pooled_projection_dim=64,
        out_channels=4,
    )
    t5 = tiny_t5()
    return StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=flow_scheduler(shift=3.0),
        vae=tiny_vae(4, shift_factor=0.0609, scaling_factor=1.5305),
        text_encoder=tiny_clip(projected=True),
        text_encoder_2=tiny_clip(projected=True),
        text_encoder_3=_wide(t5),
        tokenizer=tiny.build_tokenizer(),
        tokenizer_2=tiny.build_tokenizer(),
        tokenizer_3=build_t5(),
    )


def _wide(t5: Any) -> Any:
    """Return T5 of 64 channels: Stable Diffusion 3 pads CLIP's 32 + 32 to its width."""
    from transformers import T5EncoderModel

    config = t5.config
    config.d_model = 64
    return T5EncoderModel(config)


def _flux(kontext: bool = False) -> Any:
    from diffusers import FluxKontextPipeline, FluxPipeline, FluxTransformer2DModel

    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        guidance_embeds=True,
        axes_dims_rope=[4, 4, 8],
    )
    return (FluxKontextPipeline if kontext else FluxPipeline)(
        scheduler=flow_scheduler(use_dynamic_shifting=True, shift=3.0),
        vae=tiny_vae(4, shift_factor=0.1159, scaling_factor=0.3611),
        text_encoder=tiny_clip(),
        text_encoder_2=tiny_t5(),
        tokenizer=tiny.build_tokenizer(),
        tokenizer_2=build_t5(),
        transformer=transformer,
    )


def _flux2_parts(guided: bool, joint: int) -> dict[str, Any]:
    from diffusers import AutoencoderKLFlux2, Flux2Transformer2DModel

    transformer = Flux2Transformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=joint,
        timestep_guidance_channels=16,
        axes_dims_rope=[4, 4, 4, 4],
        guidance_embeds=guided,
    )
    vae = AutoencoderKLFlux2(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 8),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=IMAGE_SIZE,
    )
    rng = torch.Generator().manual_seed(2)
    vae.bn.running_mean.copy_(torch.randn(16, generator=rng) * 0.1)
    vae.bn.running_var.copy_(torch.rand(16, generator=rng) + 0.5)
    return {"transformer": transformer, "vae": vae, "scheduler": flow_scheduler(use_dynamic_shifting=True)}


def _flux2() -> Any:
    from diffusers import Flux2Pipeline
    from transformers import Mistral3Config, Mistral3ForConditionalGeneration

    text = {
        "model_type": "mistral",
        "vocab_size": VOCABULARY,
        "hidden_size": 16,
        "intermediate_size": 37,
        "max_position_embeddings": 512,
        "num_attention_heads": 2,
        "num_hidden_layers": 30,  # the pipeline takes the states of layers 10, 20 and 30
        "num_key_value_heads": 2,
        "head_dim": 8,
    }
    vision = {
        "model_type": "pixtral",
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 37,
        "image_size": 32,
        "patch_size": 16,
    }
    config = Mistral3Config(text_config=text, vision_config=vision, image_token_index=VOCABULARY - 1)
    encoder = Mistral3ForConditionalGeneration(config)
    return Flux2Pipeline(text_encoder=encoder, tokenizer=build_mistral(), **_flux2_parts(True, 48))


def _flux2_klein() -> Any:
    from diffusers import Flux2KleinPipeline
    from transformers import Qwen3ForCausalLM

    encoder = Qwen3ForCausalLM(qwen3_config(28))  # the pipeline takes the states of layers 9, 18 and 27
    return Flux2KleinPipeline(text_encoder=encoder, tokenizer=build_qwen(), **_flux2_parts(False, 48))


#: A builder for each family besides Stable Diffusion, which ``tests.material.tiny`` builds.
BUILDERS: dict[str, Callable[[], Any]] = {
    "sdxl": _sdxl,
    "sd3": _sd3,
    "flux": _flux,
    "flux-kontext": partial(_flux, kontext=True),
    "flux2": _flux2,
    "flux2-klein": _flux2_klein,
    "qwen-image": build_qwen_image,
    "z-image": build_z_image,
}


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in BUILDERS:
        sys.exit(f"usage: python -m tests.material.tiny_families {'|'.join(BUILDERS)} FOLDER")
    print(build_family(sys.argv[1], Path(sys.argv[2])))
