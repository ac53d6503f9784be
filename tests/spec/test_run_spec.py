"""RunSpec: what may be written in it, and that its key names the results and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, ValidationError

from dreambench.runs.chosen_data import resolve_data
from dreambench.spec.method_options import SamplerSpec
from dreambench.spec.presets import build_spec, field_names
from dreambench.spec.registries import METHODS, METRICS
from dreambench.spec.run_spec import DataSpec, RunSpec, differences

SPEC = RunSpec.model_validate({"base": {"model": "owner/model"}, "method": {"name": "dreambooth"}})
FIELDS = [name for name in field_names(RunSpec) if name not in ("method", "protocol.encoders")] + [
    f"method.{name}" for name in field_names(type(SPEC.method)) if name != "name"
]
PLACES = {
    "data.fingerprint": ["data.folder"],
    "base.fingerprint": ["base.model", "base.revision"],
    "protocol.clip.fingerprint": ["protocol.clip.weights"],
    "protocol.dino.fingerprint": ["protocol.dino.weights"],
    "protocol.lpips.fingerprint": ["protocol.lpips.weights"],
}
# The label is the dataset's name: it goes with the fingerprint and is tested with it.
QUANTIZE = "runtime.quantize"
NOT_A_RESULT = [n for n in FIELDS if n.split(".")[0] in ("preset", "runtime") and n != QUANTIZE]
RESULTS = [name for name in FIELDS if name not in NOT_A_RESULT and name != "data.label"]


def changed(spec: RunSpec, changes: dict[str, Any]) -> RunSpec:
    """Return the spec with other values in dotted fields, checked like any other spec."""
    content = spec.model_dump()
    for dotted, value in changes.items():
        *sections, last = dotted.split(".")
        part = content
        for section in sections:
            part = part[section]
        part[last] = value
    return RunSpec.model_validate(content)


def another_value(dotted: str) -> Any:
    """Return a legal value of a field other than the one that SPEC has."""
    special = {
        "subjects": ("dog",),
        "protocol.metrics": ("dino",),
        "prompts": "0-4",
        "training_photos": 4,
        "protocol.lpips.size": 256,
        "protocol.input_photos": {"dog": "02"},
        "protocol.subject_pairs": (("cat", "dog"),),
        "protocol.scale": {"dino": 100.0},
        "protocol.clipped": ("clip_t",),
    }
    if dotted in special:
        return special[dotted]
    part: BaseModel = SPEC
    *sections, last = dotted.split(".")
    for section in sections:
        part = getattr(part, section)
    present = getattr(part, last)
    kind = type(part).model_fields[last].annotation
    choices = get_args(kind) if get_origin(kind) in (Literal, Union) else ()
    if get_origin(kind) is Literal:
        return next(choice for choice in choices if choice != present)
    if isinstance(present, bool):
        return not present
    if present is None and kind == int | None:
        return 3
    if isinstance(present, int):
        return 2 * present or 1
    return present / 2 if isinstance(present, float) else "other"


def another(dotted: str) -> RunSpec:
    return changed(SPEC, {dotted: another_value(dotted)})


def test_a_spec_and_its_sections_are_frozen():
    for part, field in ((SPEC, "seed"), (SPEC.sampler, "steps"), (SPEC.method, "steps")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, field, 7)


@pytest.mark.parametrize(
    "section", ["", "data", "base", "sampler", "identifier", "method", "protocol.clip", "runtime"]
)
def test_an_unknown_field_is_an_error_in_every_section(section):
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        changed(SPEC, {f"{section}.color".lstrip("."): 1})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image_size", 500), ("image_size", 0), ("seed", -1), ("images_per_prompt", 0), ("sampler.steps", 0),
        ("sampler.scheduler", "dimm"), ("sampler.guidance_scale", float("inf")), ("identifier.length", 4),
        ("identifier.text", ""), ("identifier.text", " sks"), ("method.learning_rate", 0.0),
        ("method.learning_rate", float("inf")), ("method.steps", 2.5), ("method.optimizer", "sgd"),
        ("protocol.metrics", ("fid",)), ("protocol.lpips.net", "resnet"), ("runtime.precision", "int8"),
    ],
)  # fmt: skip
def test_a_value_out_of_its_range_is_an_error(field, value):
    with pytest.raises(ValidationError):
        changed(SPEC, {field: value})


@pytest.mark.parametrize("field", RESULTS)
def test_every_field_that_changes_results_changes_the_key(field):
    assert another(field).key != SPEC.key


@pytest.mark.parametrize("field", NOT_A_RESULT)
def test_preset_name_and_runtime_do_not_change_the_key(field):
    other = another(field)
    assert other != SPEC
    assert (other.key, other.images_key) == (SPEC.key, SPEC.images_key)


@pytest.mark.parametrize("field", RESULTS)
def test_the_protocol_and_nothing_else_is_left_out_of_the_images_key(field):
    assert (another(field).images_key == SPEC.images_key) == field.startswith("protocol.")


def test_another_method_is_another_key(monkeypatch):
    class SameOptions:
        Options = type(SPEC.method)

    monkeypatch.setitem(METHODS._classes, "same-options", SameOptions)  # afterwards it is unknown again
    content = SPEC.model_dump()
    content["method"]["name"] = "same-options"
    assert RunSpec.model_validate(content).images_key != SPEC.images_key


@pytest.mark.parametrize(("fingerprint", "place"), [(f, p) for f, places in PLACES.items() for p in places])
def test_a_fingerprint_stands_for_the_place_of_what_it_names(fingerprint, place):
    here = changed(SPEC, {fingerprint: "0123", place: "here"})
    there = changed(SPEC, {fingerprint: "0123", place: "there"})
    assert (here.key, here.images_key) == (there.key, there.images_key)
    assert changed(here, {fingerprint: "4567"}).key != here.key
    assert changed(here, {fingerprint: None}).key != changed(there, {fingerprint: None}).key


def test_the_weights_variant_counts_beside_the_fingerprint_of_a_folder_that_holds_several():
    full = changed(SPEC, {"base.fingerprint": "0123"})
    assert changed(full, {"base.variant": "fp16"}).images_key != full.images_key


def test_a_dataset_that_is_moved_and_renamed_keeps_the_key(tiny, tmp_path):
    keys = set()
    for name in ("here", "there"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "subjects.csv").write_text("subject,class_noun,category\ndog,dog,live\n")
        (folder / "dog").symlink_to(Path(tiny["data"]) / "dog")
        spec, _ = resolve_data(SPEC.model_copy(update={"data": DataSpec(folder=str(folder))}))
        assert spec.data.fingerprint
        keys.add(spec.images_key)
    assert len(keys) == 1


def test_the_key_is_the_same_in_another_process():
    text = repr(SPEC.model_dump_json())
    code = f"from dreambench.spec.run_spec import RunSpec; print(RunSpec.model_validate_json({text}).key)"
    keys = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert keys == {SPEC.key}


def test_how_a_number_is_written_does_not_change_the_key():
    whole = build_spec("paper-sd15", {}, ["sampler.guidance_scale=7", "method.learning_rate=5e-6"])
    point = build_spec("paper-sd15", {}, ["sampler.guidance_scale=7.0", "method.learning_rate=0.000005"])
    assert whole.key == point.key


def test_a_key_is_16_hexadecimal_digits():
    for key in (SPEC.key, SPEC.images_key):
        assert len(key) == 16
        int(key, 16)


def test_a_spec_survives_json():
    spec = build_spec("paper-sd15", {}, ["subjects=[dog, cat]", "method.steps=7"])
    again = RunSpec.model_validate_json(spec.model_dump_json())
    assert again == spec
    assert type(again.method) is type(spec.method)


@pytest.mark.parametrize("field", [name for name in RESULTS if not name.startswith("protocol.")])
def test_differences_name_the_one_field_that_differs(field):
    lines = differences(SPEC, another(field))
    if field in PLACES:  # with a fingerprint the places are no longer part of the identity
        assert any(line.startswith(f"{field}: ") for line in lines)
    else:
        assert [line.split(":")[0] for line in lines] == [field]


def test_differences_say_both_values_and_pass_over_what_does_not_change_images():
    other = changed(
        SPEC, {"sampler.steps": 20, "seed": 3, "protocol.metrics": ("div",), "runtime.device": "cpu"}
    )
    assert differences(SPEC, other) == ["sampler.steps: 50, not 20", "seed: 0, not 3"]
    assert differences(SPEC, SPEC) == []


def test_the_defaults_are_those_of_the_benchmark():
    assert SPEC.sampler == SamplerSpec(scheduler="ddim", steps=50, guidance_scale=7.5, negative_prompt="")
    assert (SPEC.subjects, SPEC.prompts, SPEC.images_per_prompt) == ("all", "all", 4)
    assert set(SPEC.protocol.metrics) <= set(METRICS.names())


def test_a_copy_changes_fields_of_sections_and_nothing_else() -> None:
    changed = SPEC.evolve(seed=3, base={"fingerprint": "0" * 40}, protocol={"input_photos": {"dog": "01"}})
    assert (changed.seed, changed.base.model, changed.base.fingerprint) == (3, "owner/model", "0" * 40)
    assert changed.protocol.input_photos == {"dog": "01"}
    assert (SPEC.seed, SPEC.base.fingerprint, SPEC.protocol.input_photos) == (0, None, {})
