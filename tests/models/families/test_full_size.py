"""The published sizes on the meta device: parameters, adapted layers, memory; nothing is allocated."""

from __future__ import annotations

from typing import Any

import pytest
from accelerate import init_empty_weights

from dreambench.errors import DreambenchError
from dreambench.methods.dreambooth_lora import adapted_layers
from dreambench.models.device import autocast_weights
from dreambench.models.families.family import class_named
from dreambench.runs.memory import training_memory
from dreambench.spec.presets import build_spec
from dreambench.spec.registries import FAMILIES

#: Of stabilityai/stable-diffusion-xl-base-1.0, unet/config.json.
SDXL = {
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "attention_head_dim": [5, 10, 20],
    "block_out_channels": [320, 640, 1280],
    "cross_attention_dim": 2048,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "projection_class_embeddings_input_dim": 2816,
    "sample_size": 128,
    "transformer_layers_per_block": [1, 2, 10],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "use_linear_projection": True,
}
#: Of stabilityai/stable-diffusion-3.5-medium, but pos_embed_max_size, which is 384 there: that many fixed
#: positions (0.226 billion numbers, which are no parameters) are computed even on the meta device.
SD35_MEDIUM = {
    "sample_size": 128, "num_layers": 24, "num_attention_heads": 24, "pos_embed_max_size": 64,
    "caption_projection_dim": 1536, "joint_attention_dim": 4096, "pooled_projection_dim": 2048,
    "dual_attention_layers": tuple(range(13)), "qk_norm": "rms_norm", "in_channels": 16, "out_channels": 16,
}  # fmt: skip
#: Of black-forest-labs/FLUX.2-klein-4B.
KLEIN_4B = {
    "num_layers": 5, "num_single_layers": 20, "num_attention_heads": 24, "joint_attention_dim": 7680,
    "guidance_embeds": False,
}  # fmt: skip
#: A family: its denoiser's published configuration (what differs from diffusers' defaults), the billions
#: of its parameters, and the adapted layers of a block times blocks.
SIZES: dict[str, tuple[dict[str, Any], float, int]] = {
    "sdxl": (SDXL, 2.567, 70 * 8),
    "sd3": (SD35_MEDIUM, 2.243, 24 * 8 - 1),
    "flux": ({"guidance_embeds": True}, 11.90, 19 * 12 + 38 * 3),
    "flux2": ({}, 32.2, 8 * 4 + 48 * 2),
    "flux2-klein": (KLEIN_4B, 3.88, 5 * 4 + 20 * 2),
    "qwen-image": ({}, 20.43, 60 * 4),
    "z-image": ({}, 6.155, (30 + 2 + 2) * 4),
}


def denoiser_of(name: str) -> Any:
    family = FAMILIES.get(name)()
    with init_empty_weights():
        return class_named(family.weighted[family.denoiser]).from_config(SIZES[name][0])


@pytest.mark.parametrize("name", sorted(SIZES))
def test_a_denoiser_of_full_size(name):
    family, (_, billions, adapted) = FAMILIES.get(name)(), SIZES[name]
    denoiser = denoiser_of(name)
    shapes = {family.denoiser: {n: tuple(p.shape) for n, p in denoiser.named_parameters()}}
    assert {p.device.type for p in denoiser.parameters()} == {"meta"}
    count = sum(p.numel() for p in denoiser.parameters())
    assert count / 1e9 == pytest.approx(billions, rel=0.01)
    layers = adapted_layers(denoiser, family.lora_targets[family.denoiser], family.denoiser)
    assert len(layers) == adapted
    spec = build_spec("paper-sd15", {"method": "dreambooth-lora"}, ["method.rank=16"])
    memory = training_memory(spec, shapes, family)
    sides = [denoiser.get_submodule(layer).weight.shape[:2] for layer in layers]
    assert memory.trained_parameters == sum(16 * (rows + columns) for rows, columns in sides)
    cast = sum(p.numel() for p in autocast_weights(denoiser))
    frozen = 2 * count if family.large else 2 * cast + 4 * (count - cast)
    assert memory.weights == frozen + 4 * memory.trained_parameters


def test_a_target_that_no_layer_has_is_named():
    with pytest.raises(DreambenchError, match=r"no layer called 'attn.to_w'; did you mean 'to_\w'\?"):
        adapted_layers(denoiser_of("z-image"), ("to_k", "attn.to_w"), "transformer")
