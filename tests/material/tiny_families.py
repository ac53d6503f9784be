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
from tests.material.tiny_tokenizers import VOCABULARY, build_mistral, build_qwen, build_t5

IMAGE_SIZE = 32


def build_family(name: str, folder: Path, *, seed: int = 0) -> Path:
    """Save a tiny pipeline of a family by its name, and return its folder."""
    torch.manual_seed(seed)
    return save_tiny(BUILDERS[name](), folder)


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


def _clip(projected: bool = False) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=49408,
        hidden_size=32,
        intermediate_size=37,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=77,
        projection_dim=32,
        bos_token_id=49406,
        eos_token_id=49407,
        pad_token_id=1,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def _t5() -> Any:
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
        text_encoder=_clip(),
        text_encoder_2=_clip(projected=True),
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
    t5 = _t5()
    return StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=flow_scheduler(shift=3.0),
        vae=tiny_vae(4, shift_factor=0.0609, scaling_factor=1.5305),
        text_encoder=_clip(projected=True),
        text_encoder_2=_clip(projected=True),
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
        text_encoder=_clip(),
        text_encoder_2=_t5(),
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


def _qwen3(layers: int) -> Any:
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


def _flux2_klein() -> Any:
    from diffusers import Flux2KleinPipeline
    from transformers import Qwen3ForCausalLM

    encoder = Qwen3ForCausalLM(_qwen3(28))  # the pipeline takes the states of layers 9, 18 and 27
    return Flux2KleinPipeline(text_encoder=encoder, tokenizer=build_qwen(), **_flux2_parts(False, 48))


def _qwen_image() -> Any:
    from diffusers import AutoencoderKLQwenImage, QwenImagePipeline, QwenImageTransformer2DModel
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    transformer = QwenImageTransformer2DModel(
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
    vae = AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 2],
        num_res_blocks=1,
        temperal_downsample=[True],
        latents_mean=[0.1, -0.2, 0.3, 0.0],
        latents_std=[1.5, 0.8, 2.0, 1.0],
    )
    text = {
        "vocab_size": VOCABULARY,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"},
        "rope_theta": 1000000.0,
    }
    vision = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16}
    marks = {
        name: VOCABULARY - 1 - number
        for number, name in enumerate(("vision_start_token_id", "vision_end_token_id", "vision_token_id"))
    }
    config = Qwen2_5_VLConfig(
        text_config=text, vision_config=vision, hidden_size=16, vocab_size=VOCABULARY, **marks
    )
    return QwenImagePipeline(
        transformer=transformer,
        vae=vae,
        scheduler=flow_scheduler(use_dynamic_shifting=True),
        text_encoder=Qwen2_5_VLForConditionalGeneration(config),
        tokenizer=build_qwen(),
    )


def _z_image() -> Any:
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
        text_encoder=Qwen3Model(_qwen3(2)),
        tokenizer=build_qwen(),
    )


#: A builder for each family besides Stable Diffusion, which ``tests.material.tiny`` builds.
BUILDERS: dict[str, Callable[[], Any]] = {
    "sdxl": _sdxl,
    "sd3": _sd3,
    "flux": _flux,
    "flux-kontext": partial(_flux, kontext=True),
    "flux2": _flux2,
    "flux2-klein": _flux2_klein,
    "qwen-image": _qwen_image,
    "z-image": _z_image,
}


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in BUILDERS:
        sys.exit(f"usage: python -m tests.material.tiny_families {'|'.join(BUILDERS)} FOLDER")
    print(build_family(sys.argv[1], Path(sys.argv[2])))
