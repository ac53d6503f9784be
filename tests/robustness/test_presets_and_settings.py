"""Presets and settings that are damaged, hostile, or plainly a mistake."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

import pytest

GOOD = "base: {model: a/b}\nmethod: {name: dreambooth}\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
LONG = "x" * 200_000

PRESETS = {
    "a bomb of aliases": (BOMB, "alias"),
    "an alias": ("base: &b {model: a/b}\ndata: *b\n", "alias"),
    "a merge of an anchor": ("base: &b {model: a/b}\ndata: {<<: *b}\n", "alias"),
    "a key twice": (f"{GOOD}seed: 1\nseed: 2\n", "'seed' is there twice"),
    "a nested key twice": ("base: {model: a/b, model: c/d}\n", "'model' is there twice"),
    "a section twice": (f"{GOOD}base: {{model: c/d}}\n", "'base' is there twice"),
    "a NUL byte": (f"{GOOD}preset: a\0b\n", "NUL byte"),
    "a control character": (f"{GOOD}preset: a\x01b\n", "not valid YAML"),
    "a tag of Python": ("base: !!python/object/apply:os.system [id]\n", "not valid YAML"),
    "a set tag": ("base: !!set {a, b}\n", "base"),
    "a list": ("- a\n- b\n", "contains no preset"),
    "a word": ("hello\n", "contains no preset"),
    "nothing": ("", "contains no preset"),
    "two documents": (f"{GOOD}---\n{GOOD}", "not valid YAML"),
    "an open bracket": ("base: {model: a/b\n", "not valid YAML"),
    "a tab": ("base:\n\tmodel: a/b\n", "not valid YAML"),
    "deep nesting": (f"base: {'[' * 5000}{']' * 5000}\n", "not valid YAML"),
    "a path as its name": (f"{GOOD}preset: ../../outside\n", "field preset"),
    "a rooted path as its name": (f"{GOOD}preset: /tmp/outside\n", "field preset"),
    "a hidden name": (f"{GOOD}preset: .hidden\n", "field preset"),
    "a name with a line break": (f'{GOOD}preset: "a\\nb"\n', "field preset"),
    "a name of 200 kB": (f"{GOOD}preset: {LONG}\n", "field preset"),
    "a field of 200 kB": (f"{GOOD}sampler: {{scheduler: {LONG}}}\n", "field sampler.scheduler"),
    "an unknown field": (f"{GOOD}sampel: 3\n", "field sampel is unknown"),
    "no base": ("method: {name: dreambooth}\n", "field base.model is missing"),
    "a method that is a number": ("base: {model: a/b}\nmethod: 3\n", "method"),
    "a date as a seed": (f"{GOOD}seed: 2024-01-31\n", "field seed"),
    "true as a seed": (f"{GOOD}seed: true\n", "field seed"),
}

SETTINGS = {
    "true as steps": ("sampler.steps=true", "sampler.steps: a number is needed"),
    "an encoder's crop": (
        "protocol.encoders.dinov2={crop: -1}",
        "field protocol.encoders.dinov2.crop: Input should be greater than or equal to 8, not -1",
    ),
    "an encoder's field": (
        "protocol.encoders.dinov2.corp=9",
        "field protocol.encoders.dinov2.corp is unknown; did you mean 'protocol.encoders.dinov2.crop'?",
    ),
    "one kind or another": (
        "protocol.lpips.size=3",
        "field protocol.lpips.size: Input should be 'native', or greater than or equal to 32, not 3",
    ),
    "yes as steps": ("sampler.steps=yes", "sampler.steps"),
    "true as a seed": ("seed=true", "seed: a number is needed"),
    "false as a rate": ("method.learning_rate=false", "method.learning_rate: a number is needed"),
    "true as guidance": ("sampler.guidance_scale=true", "sampler.guidance_scale"),
    "true as a number of photos": ("training_photos=true", "training_photos"),
    "true as a LPIPS size": ("protocol.lpips.size=true", "protocol.lpips.size"),
    "a rate of 1e30": ("method.learning_rate=1e30", "method.learning_rate"),
    "guidance of 1e30": ("sampler.guidance_scale=1e30", "sampler.guidance_scale"),
    "class guidance of 1e30": ("method.class_sampler.guidance_scale=1e30", "method.class_sampler"),
    "lambda of 1e30": ("method.prior_preservation_weight=1e30", "method.prior_preservation_weight"),
    "an epsilon of 1e30": ("method.adam_epsilon=1e30", "method.adam_epsilon"),
    "a decay of 1e30": ("method.weight_decay=1e30", "method.weight_decay"),
    "steps of 1e12": ("method.steps=1000000000000", "method.steps"),
    "a million class images": ("method.class_images=1000000", "method.class_images"),
    "an image of a megapixel a side": ("image_size=1048576", "image_size"),
    "a crop of a megapixel": ("protocol.dino.crop=1048576", "protocol.dino.crop"),
    "a seed beyond 63 bits": ("seed=99999999999999999999999", "seed"),
    "infinity": ("sampler.guidance_scale=.inf", "sampler.guidance_scale"),
    "not a number": ("method.learning_rate=.nan", "method.learning_rate"),
    "a negative rate": ("method.learning_rate=-1", "method.learning_rate"),
    "an identifier of five words": ("identifier.text=one two three four five", "identifier.text"),
    "an identifier of 200 kB": (f"identifier.text={LONG}", "identifier.text"),
    "an identifier with a line break": ("identifier.text=a\nb\nc\nd", "identifier.text"),
    "Unicode digits as a seed": ("seed=\u0663", "seed"),
    "Unicode digits as steps": ("sampler.steps=\uff11\uff12", "sampler.steps"),
    "an alias": ("subjects=[&a dog, *a]", "not valid YAML"),
    "an unclosed list": ("subjects=[dog", "not valid YAML"),
    "no name": ("=3", "not of the form"),
    "no value": ("seed", "not of the form"),
    "an unknown scheduler": ("sampler.scheduler=os", "sampler.scheduler"),
    "a dunder as a scheduler": ("sampler.scheduler=__builtins__", "sampler.scheduler"),
    "a dunder as a field": ("sampler.__class__=1", "field sampler.__class__ is unknown"),
    "an unknown method": ("method=os", "'os'"),
    "a method's mapping without its end": ("method={name: dreambooth", "not valid YAML"),
    "a mapping with an unknown field": ("method={name: dreambooth, step: 3}", "did you mean 'method.steps'"),
}  # fmt: skip


@pytest.mark.parametrize("case", PRESETS)
def test_a_preset_is_refused(refused, tmp_path: Path, case: str) -> None:
    content, told = PRESETS[case]
    file = tmp_path / "mine.yaml"
    file.write_text(content, encoding="utf-8")
    began = time.process_time()
    line = refused("run", "--preset", str(file))
    assert told in line
    assert time.process_time() - began < 5


@pytest.mark.parametrize("case", SETTINGS)
def test_a_setting_is_refused(refused, case: str) -> None:
    setting, told = SETTINGS[case]
    assert told in refused("run", "--preset", "paper-sd15", "--set", setting)


def test_a_preset_of_fifty_megabytes_is_not_read(refused, tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    with open(file, "wb") as opened:
        opened.truncate(50_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "50,000,000 bytes" in refused("run", "--preset", str(file))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kB


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "absent", "not text"])
def test_a_preset_that_is_no_file_of_text(refused, tmp_path: Path, kind: str) -> None:
    place = tmp_path / "preset.yaml"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    elif kind == "not text":
        place.write_bytes(b"\xff\xfe\x00base")
    assert "preset" in refused("run", "--preset", "/dev/zero" if kind == "device" else str(place))


@pytest.mark.parametrize("option", ["--preset", "--protocol", "--base", "--data", "--out"])
def test_a_path_of_five_thousand_characters(refused, option: str) -> None:
    words = {"--preset": "paper-sd15", option: "a/" * 2500}
    refused("run", *(word for pair in words.items() for word in pair))


@pytest.mark.parametrize("fields", ["{name: dreambooth, steps: 7}", '{"steps": 7, "name": "dreambooth"}'])
def test_a_mapping_as_the_method_is_understood(fields: str) -> None:
    from dreambench.spec.presets import build_spec

    spec = build_spec("paper-sd15", {}, [f"method={fields}"])
    assert (spec.method.name, spec.method.training_steps()) == ("dreambooth", 7)
