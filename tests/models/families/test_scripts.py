"""What diffusers' training scripts fix besides the loss: adapted layers, latents, the optimizer."""

from __future__ import annotations

import pytest
from peft import LoraConfig, inject_adapter_in_model

from dreambench.methods.dreambooth_lora import DreamBoothLoraOptions, adapted_layers
from dreambench.methods.finetune.latents import encode_posteriors
from dreambench.spec.presets import build_spec, preset_names
from tests.material.tiny_parts import IMAGE_SIZE
from tests.store.material import pictures

ATTENTION = ["to_k", "to_q", "to_v", "to_out.0"]
JOINT = ["add_k_proj", "add_q_proj", "add_v_proj", "to_add_out", *ATTENTION]
FEED_FORWARD = [f"{name}.net.{layer}" for name in ("ff", "ff_context") for layer in ("0.proj", "2")]
FLUX = [*(f"attn.{name}" for name in JOINT), *FEED_FORWARD]
FLUX2 = [*ATTENTION, "to_qkv_mlp_proj", *(f"single_transformer_blocks.{i}.attn.to_out" for i in range(48))]
#: ``target_modules`` of the scripts (diffusers, main, 58eb52c).
TARGETS = {
    "sdxl": ATTENTION,
    "sd3": [f"attn.{name}" for name in JOINT],
    "flux": FLUX,
    "flux-kontext": [*FLUX, "proj_mlp"],
    "flux2": FLUX2,
    "flux2-klein": FLUX2,
    "qwen-image": ATTENTION,
    "z-image": ATTENTION,
}
#: The families whose script trains on ``latent_dist.mode()``; the others draw with ``sample()``.
MODES = {"flux-kontext", "flux2", "flux2-klein", "z-image"}


def test_the_scripts_layers_get_adapters(base):
    family = base.family
    ours = adapted_layers(base.fresh(family.denoiser), family.lora_targets[family.denoiser], family.denoiser)
    config = LoraConfig(r=4, target_modules=TARGETS[family.name])
    theirs = inject_adapter_in_model(config, base.fresh(family.denoiser)).state_dict()
    assert sorted(ours) == sorted(n.partition(".lora_A")[0] for n in theirs if ".lora_A" in n)


def test_latents_are_drawn_or_modes_as_in_the_script(base, tmp_path):
    [(file, image)] = pictures(tmp_path, 1, IMAGE_SIZE).items()
    image.save(file)
    posteriors = encode_posteriors(base, [file], IMAGE_SIZE)
    assert bool((posteriors.std > 0).all()) == (base.family.name not in MODES)
    assert bool((posteriors.std == 0).all()) == (base.family.name in MODES)


@pytest.mark.parametrize("preset", [name for name in preset_names() if name.endswith("-lora")])
def test_a_preset_has_the_optimizer_of_its_script(preset):
    options = build_spec(preset, {}, []).method
    assert isinstance(options, DreamBoothLoraOptions)
    assert (options.adam_beta1, options.adam_beta2, options.adam_epsilon) == (0.9, 0.999, 1e-8)
    assert (options.weight_decay, options.max_grad_norm, options.warmup_steps) == (1e-4, 1.0, 0)
    assert (options.rank, options.targets, options.prior_preservation_weight) == (4, None, 1.0)
