"""Presets and overrides: the paper's values, every field within reach, and typos that name the right one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dreambench import registry
from dreambench.errors import DreambenchError
from dreambench.presets import build_spec, field_names, preset_names, read_preset
from dreambench.spec import MethodOptions, RunSpec

PAPER: dict[str, Any] = {  # shared/paper-protocol.md, section 2, and issue 2, item 3
    "base.model": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "image_size": 512,
    "method.name": "dreambooth",
    "method.train_text_encoder": True,
    "method.learning_rate": 5e-6,
    "method.steps": 1000,
    "method.batch_size": 1,
    "method.prior_preservation": True,
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
    "protocol.lpips.weights": ("lpips.safetensors", "lpips.safetensors"),
    "protocol.lpips.fingerprint": ("abc", "abc"),
    "protocol.caption": ("identifier", "identifier"),
    "protocol.prior_images": ("4", 4),
    "runtime.device": ("cuda:1", "cuda:1"),
    "runtime.precision": ("bf16", "bf16"),
    "runtime.generation_batch_size": ("2", 2),
    "runtime.scoring_batch_size": ("2", 2),
    "runtime.gradient_checkpointing": ("true", True),
    "runtime.fused_optimizer": ("false", False),
    "runtime.decode_threads": ("1", 1),
    "method.learning_rate": ("2e-6", 2e-6),
    "method.steps": ("400", 400),
    "method.batch_size": ("2", 2),
    "method.train_text_encoder": ("false", False),
    "method.prior_preservation": ("false", False),
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
            if isinstance(value, dict):
                walk(value, f"{prefix}{name}.")
            else:
                values[prefix + name] = value

    walk(spec.model_dump(), "")
    return values


def error_of(*overrides: str, preset: Any = "paper-sd15", **fields: Any) -> str:
    """Build a spec that must be refused, and return the one line that says why."""
    with pytest.raises(DreambenchError) as caught:
        build_spec(preset, fields, overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def _second_method(monkeypatch):
    """A second method, as another package would register it."""
    monkeypatch.setattr(registry, "_METHODS", dict(registry._METHODS))

    @registry.register_method("counter")
    class Counter:
        class Options(MethodOptions):
            name: str = "counter"
            steps: int = 3
            warmth: int = 1


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
    names = [name for name in field_names(RunSpec) if name != "method"]
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


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("method.lerning_rate=1e-4", "method.learning_rate"),
        ("sampler.step=20", "sampler.steps"),
        ("protocol.dino.modle=x", "protocol.dino.model"),
        ("learning_rate=1e-4", "method.learning_rate"),
        ("class_images=10", "method.class_images"),
        ("guidance_scale=5", "sampler.guidance_scale"),
        ("seeed=1", "seed"),
        ("image-size=64", "image_size"),
        ("runtime.devise=cpu", "runtime.device"),
        ("protocol.metric=[dino]", "protocol.metrics"),
        ("base.modle=x", "base.model"),
        ("method.class_sampler.stpes=3", "method.class_sampler.steps"),
        ("method.prior_preservation_wieght=0", "method.prior_preservation_weight"),
    ],
)
def test_a_typo_names_the_nearest_field(typo, meant):
    line = error_of(typo)
    assert f"field {typo.split('=')[0]} is unknown" in line
    assert line.endswith(f"did you mean {meant}?")


@pytest.mark.parametrize(
    "wrong",
    [
        "seed=x", "seed=1.5", "sampler.steps=many", "sampler.steps=0", "image_size=100", "method.steps=[1]",
        "method.train_text_encoder=perhaps", "sampler.scheduler=dimm", "protocol.caption=both",
        "protocol.lpips.net=resnet", "identifier.length=4", "method.learning_rate=-1", "sampler=3",
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_with_its_field_and_the_value(wrong):
    field, value = wrong.split("=")
    line = error_of(wrong)
    assert line.startswith(f"field {field}: ")
    assert value in line


@pytest.mark.parametrize("malformed", ["seed", "=3", " = 3", "", "method.learning_rate"])
def test_a_malformed_set_is_told_with_its_form(malformed):
    assert "is not of the form key.path=value" in error_of(malformed)


def test_a_set_value_that_is_broken_yaml_is_told():
    assert error_of("subjects=[dog").startswith("--set subjects: the value '[dog' is not valid YAML")


def test_an_unknown_preset_names_the_nearest():
    line = error_of(preset="paper-sd51")
    assert "'paper-sd51'" in line
    assert "did you mean 'paper-sd15'?" in line


@pytest.mark.parametrize("content", ["base: [1\n", "a: b: c\n", "- a\n- b\n", "", "just words\n", "\x00"])
def test_a_broken_preset_file_is_told_with_its_name(tmp_path: Path, content):
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    assert str(file) in error_of(preset=str(file))


def test_a_preset_file_that_is_not_utf8_is_told(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_bytes("description: Größe\n".encode("latin-1"))
    assert str(file) in error_of(preset=str(file))


def test_a_preset_file_is_named_by_its_stem_and_may_leave_out_what_has_a_default(tmp_path: Path):
    file = tmp_path / "quick.yaml"
    file.write_text("description: a quick look\nbase: {model: a/b}\nsampler: {steps: 5}\n")
    spec = build_spec(str(file))
    assert (spec.preset, spec.base.model, spec.sampler.steps) == ("quick", "a/b", 5)
    assert (spec.sampler.scheduler, spec.method.name) == ("ddim", "dreambooth")


def test_a_typo_in_a_preset_file_names_the_nearest_field(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text("base: {model: a/b}\nsampler: {step: 5}\n")
    assert error_of(preset=str(file)).endswith("did you mean sampler.steps?")
    file.write_text("base: {model: a/b}\nmethods: {dreambooth: {lerning_rate: 1}}\n")
    assert error_of(preset=str(file)).endswith("did you mean method.learning_rate?")


@pytest.mark.parametrize("methods", ["{dreamboth: {steps: 5}}", "3", "{dreambooth: 3}", "[dreambooth]"])
def test_values_for_a_method_that_is_not_one_are_never_dropped_in_silence(tmp_path: Path, methods):
    file = tmp_path / "mine.yaml"
    file.write_text(f"base: {{model: a/b}}\nmethods: {methods}\n")
    assert "methods" in error_of(preset=str(file))


def test_a_preset_without_a_base_model_says_so(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text("image_size: 64\n")
    assert "field base is missing" in error_of(preset=str(file))


@pytest.mark.parametrize("how", ["option", "set", "set-name"])
def test_an_unknown_method_names_the_nearest(how):
    line = {
        "option": lambda: error_of(method="dreamboth"),
        "set": lambda: error_of("method=dreamboth"),
        "set-name": lambda: error_of("method.name=dreamboth"),
    }[how]()
    assert "method 'dreamboth' is unknown" in line
    assert "did you mean 'dreambooth'?" in line


@pytest.mark.usefixtures("_second_method")
class TestAnotherMethod:
    """The preset's values for one method are not those of another."""

    def preset(self, folder: Path) -> str:
        file = folder / "two.yaml"
        file.write_text(
            "base: {model: a/b}\nmethod: dreambooth\n"
            "methods: {dreambooth: {steps: 7, learning_rate: 1e-4}, counter: {warmth: 9}}\n"
        )
        return str(file)

    def test_each_method_takes_its_own_values(self, tmp_path):
        preset = self.preset(tmp_path)
        ours = build_spec(preset).method
        assert (ours.name, ours.steps, ours.learning_rate) == ("dreambooth", 7, 1e-4)
        theirs = build_spec(preset, {"method": "counter"}).method
        assert theirs.model_dump() == {"name": "counter", "steps": 3, "warmth": 9}

    @pytest.mark.parametrize("word", ["method=counter", "method.name=counter"])
    def test_set_chooses_a_method_like_the_option(self, tmp_path, word):
        preset = self.preset(tmp_path)
        assert build_spec(preset, {}, [word]) == build_spec(preset, {"method": "counter"})

    def test_set_is_checked_against_the_chosen_method(self, tmp_path):
        preset = self.preset(tmp_path)
        assert (
            build_spec(preset, {"method": "counter"}, ["method.warmth=4"]).method.model_dump()["warmth"] == 4
        )
        line = error_of("method.learning_rate=1", preset=preset, method="counter")
        assert line.startswith("field method.learning_rate is unknown")

    def test_values_written_under_method_belong_to_that_method_alone(self, tmp_path):
        file = tmp_path / "inline.yaml"
        file.write_text(
            "base: {model: a/b}\nmethod: {name: dreambooth, steps: 5}\n"
            "methods: {dreambooth: {steps: 7, batch_size: 2}}\n"
        )
        ours = build_spec(str(file)).method
        assert (ours.steps, ours.batch_size) == (5, 2)
        assert build_spec(str(file), {"method": "counter"}).method.steps == 3


def test_methods_of_the_same_name_from_two_packages_are_refused(monkeypatch):
    monkeypatch.setattr(registry, "_METHODS", dict(registry._METHODS))
    registry.method_class("dreambooth")
    foreign = type("DreamBooth", (), {"__module__": "another.package"})
    with pytest.raises(DreambenchError, match="two methods are called 'dreambooth'"):
        registry.register_method("dreambooth")(foreign)
