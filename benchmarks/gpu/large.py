"""Adapters on denoisers of the published sizes, SDXL and FLUX.2 klein 4B, with random weights.

The text encoders are narrow stand-ins of the right width: they leave the GPU before the training.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.drawing import images_per_second
from benchmarks.gpu.rows import Row
from benchmarks.gpu.setup import Setup
from benchmarks.gpu.training import forget_peak, peak_memory, steps_per_second
from dreambench.runs.memory import shapes_of, training_memory

STEPS = 12
PRESETS = {"sdxl": "sdxl-lora", "flux2-klein": "flux2-klein-lora"}


def large_models(setup: Setup) -> Iterator[Row]:
    """Train adapters and draw at 1,024 pixels; the peak memory stands beside the arithmetic of a plan."""
    for name, preset in PRESETS.items():
        base = _build(name, setup)
        size = setup.image_size * (1 if setup.tiny else 2)
        common = {"image_size": size, "method.batch_size": 1, "method.steps": STEPS}
        kinds = ["none"] if name == "sdxl" else ["none", "fp8", "nf4"]
        for kind in kinds:
            package = {"fp8": "torchao", "nf4": "bitsandbytes"}.get(kind)
            if package and (importlib.util.find_spec(package) is None or setup.device.type != "cuda"):
                yield Row(f"{name}, {kind}", "not measured", f"it needs a GPU and {package}")
                continue
            fields = {**common, "runtime.quantize": kind, "runtime.gradient_checkpointing": name != "sdxl"}
            prepared = setup.prepared(preset, base, **fields)
            shapes = shapes_of(base, prepared.base.family)
            told = training_memory(prepared.spec, shapes, prepared.base.family).total / 2**30
            speed, memory = steps_per_second(setup, prepared)
            held = "" if kind == "none" else f", frozen weights in {kind}"
            yield Row(
                f"adapters of {name}, {size} px, batch 1{held}: steps a second",
                f"{speed:.2f}",
                f"{memory}; {told:.1f} GiB by arithmetic, before activations",
            )
            forget_peak(setup)
            drawn = images_per_second(setup, prepared, prepared.spec.sampler, 4)
            what = f"drawing by {name}, {size} px, {prepared.spec.sampler.steps} steps, batch 4{held}"
            yield Row(f"{what}: images a second", f"{drawn:.2f}", peak_memory(setup))
            del prepared


def _build(name: str, setup: Setup) -> Path:
    """Save a pipeline of a family with a denoiser and a VAE of the published size, or a tiny one."""
    from tests.material import tiny_families

    folder = setup.folder / "large" / name
    if setup.tiny:
        return tiny_families.build_family(name, folder)
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with setup.device:
            pipeline = {"sdxl": _sdxl, "flux2-klein": _klein}[name]()
        for part in pipeline.components.values():
            for parameter in part.parameters() if isinstance(part, torch.nn.Module) else ():
                parameter.data.normal_(1.0 if parameter.ndim == 1 else 0.0, 0.02)
        pipeline.save_pretrained(folder, safe_serialization=True)
    finally:
        torch.set_default_dtype(default)
    return folder


def _sdxl() -> Any:
    from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline
    from diffusers import UNet2DConditionModel as UNet
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    from tests.material import tiny
    from tests.models.families.test_full_size import SDXL

    def text(width: int) -> CLIPTextConfig:
        layers = {"num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
        ids = {"bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 1}
        return CLIPTextConfig(vocab_size=49408, hidden_size=width, projection_dim=width, **layers, **ids)

    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        latent_channels=4,
        sample_size=1024,
        scaling_factor=0.13025,
    )
    schedule = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    return StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(text(768)),
        text_encoder_2=CLIPTextModelWithProjection(text(1280)),
        tokenizer=tiny.build_tokenizer(),
        tokenizer_2=tiny.build_tokenizer(),
        unet=UNet(**SDXL),
        scheduler=EulerDiscreteScheduler(**schedule, steps_offset=1, timestep_spacing="leading"),
        add_watermarker=False,
    )


def _klein() -> Any:
    from diffusers import AutoencoderKLFlux2, Flux2KleinPipeline, Flux2Transformer2DModel
    from diffusers import FlowMatchEulerDiscreteScheduler as Flow
    from transformers import Qwen3Config, Qwen3ForCausalLM

    from tests.material.tiny_tokenizers import VOCABULARY, build_qwen
    from tests.models.families.test_full_size import KLEIN_4B

    text = Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=2560,
        intermediate_size=16,
        num_hidden_layers=28,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=512,
    )
    return Flux2KleinPipeline(
        transformer=Flux2Transformer2DModel(**KLEIN_4B),
        vae=AutoencoderKLFlux2(),
        text_encoder=Qwen3ForCausalLM(text),
        tokenizer=build_qwen(),
        scheduler=Flow(use_dynamic_shifting=True),
    )
