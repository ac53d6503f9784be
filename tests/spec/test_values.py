"""Presets and overrides: the paper's values, and every field within reach of `--set`."""

from __future__ import annotations

from typing import Any

import pytest

from dreambench.spec.presets import build_spec, field_names, preset_names, read_preset
from dreambench.spec.run_spec import RunSpec

PAPER: dict[str, Any] = {  # docs/protocol.md says where each is from
    "base.model": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "image_size": 512,
    "method.name": "dreambooth",
    "method.train_text_encoder": True,
    "method.learning_rate": 5e-6,
    "method.steps": 1000,
    "method.batch_size": 1,
    "method.prior_preservation": True,
    "method.prior_source": "class-images",
    "method.prior_preservation_weight": 1.0,
    "method.class_images": 1000,
    "method.class_sampler.scheduler": "euler-ancestral",
    "method.ema": False,
    "identifier.text": None,
    "identifier.length": 1,
    "subjects": "all",
    "prompts": "all",
    "images_per_prompt": 4,
    "protocol.clip.model": "ViT-B-32",
    "protocol.clip.weights": "openai",
    "protocol.dino.model": "vit_small_patch16_224.dino",
    "protocol.dino.resize": 256,
    "protocol.dino.crop": 224,
    "protocol.lpips.net": "alex",
    "protocol.caption": "no-identifier",
}
OTHER_VALUES: dict[str, tuple[str, Any]] = {  # field: what a user writes, and what it means
    "preset": ("mine", "mine"),
    "data.folder": ("some/photos", "some/photos"),
    "data.label": ("mine@1", "mine@1"),
    "data.fingerprint": ("abc", "abc"),
    "base.model": ("owner/name", "owner/name"),
    "base.revision": ("main", "main"),
    "base.variant": ("fp16", "fp16"),
    "base.fingerprint": ("abc", "abc"),
    "identifier.text": ("sks", "sks"),
    "identifier.length": ("3", 3),
    "identifier.seed": ("7", 7),
    "identifier.drawn": ("sks", "sks"),
    "class_noun.variant": ("wrong", "wrong"),
    "class_noun.seed": ("3", 3),
    "training_photos": ("4", 4),
    "image_size": ("64", 64),
    "sampler.scheduler": ("dpmsolver++", "dpmsolver++"),
    "sampler.steps": ("20", 20),
    "sampler.guidance_scale": ("5", 5.0),
    "sampler.negative_prompt": ("blurry, dark", "blurry, dark"),
    "subjects": ("[dog, cat]", ("dog", "cat")),
    "prompts": ("0-4,7", "0-4,7"),
    "images_per_prompt": ("1", 1),
    "seed": ("42", 42),
    "protocol.metrics": ("[pres, dino]", ("dino", "pres")),
    "protocol.clip.model": ("ViT-L-14", "ViT-L-14"),
    "protocol.clip.weights": ("clip.safetensors", "clip.safetensors"),
    "protocol.clip.fingerprint": ("abc", "abc"),
    "protocol.dino.model": ("vit_small_patch8_224.dino", "vit_small_patch8_224.dino"),
    "protocol.dino.weights": ("dino.safetensors", "dino.safetensors"),
    "protocol.dino.resize": ("248", 248),
    "protocol.dino.crop": ("192", 192),
    "protocol.dino.fingerprint": ("abc", "abc"),
    "protocol.lpips.net": ("vgg", "vgg"),
    "protocol.lpips.size": ("256", 256),
    "protocol.lpips.weights": ("lpips.safetensors", "lpips.safetensors"),
    "protocol.lpips.fingerprint": ("abc", "abc"),
    "protocol.caption": ("identifier", "identifier"),
    "protocol.prior_images": ("4", 4),
    "protocol.references": ("listed", "listed"),
    "protocol.input_photos": ('{dog: "02"}', {"dog": "02"}),
    "protocol.leave_input_out": ("true", True),
    "protocol.subject_pairs": ("[[cat, dog]]", (("cat", "dog"),)),
    "protocol.images": ("1", 1),
    "protocol.averaging": ("images", "images"),
    "protocol.scale": ("{dino: 100}", {"dino": 100.0}),
    "protocol.clipped": ("[clip_t]", ("clip_t",)),
    "runtime.device": ("cuda:1", "cuda:1"),
    "runtime.precision": ("bf16", "bf16"),
    "runtime.generation_batch_size": ("2", 2),
    "runtime.scoring_batch_size": ("2", 2),
    "runtime.gradient_checkpointing": ("true", True),
    "runtime.fused_optimizer": ("false", False),
    "runtime.compile": ("true", True),
    "runtime.deterministic": ("true", True),
    "runtime.quantize": ("nf4", "nf4"),
    "runtime.ignore_memory": ("true", True),
    "runtime.decode_threads": ("1", 1),
    "method.learning_rate": ("2e-6", 2e-6),
    "method.steps": ("400", 400),
    "method.batch_size": ("2", 2),
    "method.train_text_encoder": ("false", False),
    "method.prior_preservation": ("false", False),
    "method.prior_source": ("base-model", "base-model"),
    "method.prior_preservation_weight": ("0.5", 0.5),
    "method.class_images": ("200", 200),
    "method.class_sampler.scheduler": ("ddpm", "ddpm"),
    "method.class_sampler.steps": ("100", 100),
    "method.class_sampler.guidance_scale": ("1.5", 1.5),
    "method.class_sampler.negative_prompt": ("text", "text"),
    "method.optimizer": ("adamw8bit", "adamw8bit"),
    "method.adam_beta1": ("0.5", 0.5),
    "method.adam_beta2": ("0.99", 0.99),
    "method.adam_epsilon": ("1e-6", 1e-6),
    "method.weight_decay": ("0", 0.0),
    "method.max_grad_norm": ("2", 2.0),
    "method.warmup_steps": ("10", 10),
    "method.ema": ("true", True),
    "method.ema_decay": ("0.9", 0.9),
}


def flat(spec: RunSpec) -> dict[str, Any]:
    """Return a spec's values by dotted field name."""
    values: dict[str, Any] = {}

    def walk(part: dict[str, Any], prefix: str) -> None:
        for name, value in part.items():
            if isinstance(value, dict) and name not in ("input_photos", "scale"):
                walk(value, f"{prefix}{name}.")
            else:
                values[prefix + name] = value

    walk(spec.model_dump(), "")
    return values


def test_paper_sd15_has_the_papers_values():
    values = flat(build_spec("paper-sd15"))
    assert {name: values[name] for name in PAPER} == PAPER


def test_paper_sd15_names_its_samplers_steps_and_guidance():
    content = read_preset("paper-sd15")
    named = {"scheduler", "steps", "guidance_scale"}
    assert content["sampler"].keys() == named
    assert content["methods"]["dreambooth"]["class_sampler"].keys() == named


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_that_comes_with_the_package_is_valid_and_described(name):
    assert build_spec(name).preset == name
    assert read_preset(name)["description"].strip()


def test_the_list_of_other_values_has_every_field():
    names = [name for name in field_names(RunSpec) if name not in ("method", "protocol.encoders")]
    options = type(build_spec("paper-sd15").method)
    names += [f"method.{name}" for name in field_names(options) if name != "name"]
    assert sorted(OTHER_VALUES) == sorted(names)


@pytest.mark.parametrize("field", OTHER_VALUES)
def test_set_reaches_every_field_and_changes_no_other(field):
    written, meant = OTHER_VALUES[field]
    before, after = flat(build_spec("paper-sd15")), flat(build_spec("paper-sd15", {}, [f"{field}={written}"]))
    assert before[field] != meant
    assert after == {**before, field: meant}


def test_the_last_set_of_a_field_counts_and_stands_above_the_options():
    assert build_spec("paper-sd15", {"seed": 1}, ["seed=2", "seed=3"]).seed == 3
    assert build_spec("paper-sd15", {"seed": 1, "prompts": None}).seed == 1


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("prompts", "7"), ("identifier.text", "on"), ("identifier.text", "1e5"), ("data.folder", "2024"),
        ("data.folder", "2024-01-31"), ("base.revision", "1234567"), ("base.revision", "12345e7"),
        ("sampler.negative_prompt", "no"), ("sampler.negative_prompt", ""),
    ],
)  # fmt: skip
def test_text_that_yaml_takes_for_something_else_stays_text_in_a_text_field(field, text):
    assert flat(build_spec("paper-sd15", {}, [f"{field}={text}"]))[field] == text


@pytest.mark.parametrize("number", ["5e-6", "5.0e-6", "0.000005", "5E-6", ".5e-5"])
def test_a_small_number_is_a_number_however_it_is_written(number, tmp_path):
    assert build_spec("paper-sd15", {}, [f"method.learning_rate={number}"]).method.learning_rate == 5e-6
    file = tmp_path / "mine.yaml"
    file.write_text(f"base: {{model: a/b}}\nmethod: {{name: dreambooth, learning_rate: {number}}}\n")
    assert build_spec(str(file)).method.learning_rate == 5e-6
