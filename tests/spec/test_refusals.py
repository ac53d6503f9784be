"""A typo names the right field, a wrong value its own, and a broken preset its file: one line each."""

from __future__ import annotations

from pathlib import Path

import pytest

from dreambench.errors import DreambenchError
from dreambench.spec.presets import build_spec
from tests.spec.material import error_of


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
    assert line.endswith(f"did you mean {meant!r}?")


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


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        ("protocol.metrics=[dino, nix]", "--metrics NAME,NAME"),
        ("protocol.metrics=[]", "--metrics NAME,NAME"),
        ("subjects=[dog, 7]", "--set subjects=VALUE"),
    ],
)
def test_a_list_is_set_as_a_whole(wrong, remedy):
    line = error_of(wrong)
    assert line.endswith(f"; change it with {remedy}")
    assert "Tuple" not in line


def test_a_date_among_the_fields_of_a_method_is_a_wrong_value():
    assert error_of("method={steps: 2024-01-31}").startswith("field method.steps: ")


@pytest.mark.parametrize("field", ["base.model", "sampler.negative_prompt"])
def test_a_text_that_no_log_can_keep_names_its_field(field):
    with pytest.raises(DreambenchError, match=f"field {field}: it is not text in UTF-8, not '?.*udcff"):
        build_spec("mini", {field: "a\udcff"})


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
    assert error_of(preset=str(file)).endswith("did you mean 'sampler.steps'?")
    file.write_text("base: {model: a/b}\nmethods: {dreambooth: {lerning_rate: 1}}\n")
    assert error_of(preset=str(file)).endswith("did you mean 'method.learning_rate'?")


@pytest.mark.parametrize("methods", ["{dreamboth: {steps: 5}}", "3", "{dreambooth: 3}", "[dreambooth]"])
def test_values_for_a_method_that_is_not_one_are_never_dropped_in_silence(tmp_path: Path, methods):
    file = tmp_path / "mine.yaml"
    file.write_text(f"base: {{model: a/b}}\nmethods: {methods}\n")
    assert "methods" in error_of(preset=str(file))


def test_a_preset_without_a_base_model_says_so(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text("image_size: 64\n")
    assert "field base.model is missing; give it with --set base.model=VALUE" in error_of(preset=str(file))
