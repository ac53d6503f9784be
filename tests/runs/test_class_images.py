"""Class images: made once, made again where damaged, never those of another model, by whoever comes first."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dreambench.models.base_model import BaseModel, open_base
from dreambench.runs.class_images import class_image_set, ensure_class_images
from dreambench.spec.presets import build_spec
from dreambench.spec.run_spec import BaseSpec
from tests.runs.class_image_sets import (
    BATCH,
    COUNT,
    RUNTIME,
    SAMPLER,
    SIZE,
    Counting,
    content,
    ensure,
    made,
    visible,
    wanted,
)

pytestmark = pytest.mark.slow
SECOND_PROCESS = f"""
import sys
from pathlib import Path
from dreambench.runs.class_images import ensure_class_images
from dreambench.models.base_model import open_base
from dreambench.models.device import resolve_runtime
from dreambench.spec.method_options import SamplerSpec
from dreambench.spec.run_spec import BaseSpec, RuntimeSpec
from dreambench.store.class_image_set import ClassImageSet
from tests.executors.material import Silent
base = open_base(BaseSpec(model=sys.argv[1]))
base.pipeline()
sampler = SamplerSpec.model_validate_json(sys.argv[3])
wanted = ClassImageSet(Path(sys.argv[2]), base.fingerprint, "stuffed animal", sampler, {COUNT}, {SIZE})
runtime = resolve_runtime(RuntimeSpec(device="cpu", generation_batch_size={BATCH}))
print("ready", flush=True)
sys.stdin.readline()
watch = Silent()
ensure_class_images(wanted, base, runtime, watch)
print(*watch.lines, sep="\\n", end="")
"""


@pytest.fixture(scope="module")
def base(tiny) -> BaseModel:
    return open_base(BaseSpec(model=tiny["base"]))


@pytest.fixture(scope="module")
def good(base, tmp_path_factory) -> dict[str, bytes]:
    """The files of a set that was made in one go."""
    images = wanted(tmp_path_factory.mktemp("good"), base)
    assert ensure(base, images) == []
    return content(images)


def test_a_set_has_its_images_and_a_manifest_and_nothing_else(base, good, tmp_path):
    images = wanted(tmp_path, base)
    assert not images.is_complete()
    assert ensure(base, images) == []
    assert images.is_complete()
    assert images.batches == [[f"{i:05d}.png" for i in range(4)], ["00004.png", "00005.png"]]
    assert visible(images) == {*good, "set.json"}
    assert content(images) == good


def test_the_images_are_of_the_asked_size_and_differ(base, good, tmp_path):
    images = made(tmp_path, good, base)
    pixels = [np.asarray(Image.open(path)) for path in images.images]
    assert {p.shape for p in pixels} == {(SIZE, SIZE, 3)}
    assert len({p.tobytes() for p in pixels}) == COUNT


def test_a_set_is_made_once(base, tmp_path):
    ensure(base, wanted(tmp_path, base))
    again = wanted(tmp_path, base)
    before = {path: path.stat().st_mtime_ns for path in (*again.images, again.manifest)}
    assert ensure(base, again) == []
    assert again.batches == []
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_progress_counts_every_image_once_whether_made_or_found(base, tmp_path):
    for _ in range(2):
        watch = Counting()
        ensure_class_images(wanted(tmp_path, base), base, RUNTIME, watch)
        assert watch.count == COUNT


def test_an_interrupted_set_is_not_taken_for_whole_and_its_rest_is_the_same_bits(base, good, tmp_path):
    images = wanted(tmp_path, base)
    images.__dict__["cut_after"] = 1
    with pytest.raises(KeyboardInterrupt):
        ensure(base, images)
    assert visible(images) == {f"{i:05d}.png" for i in range(BATCH)}
    assert not images.is_complete()
    again = wanted(tmp_path, base)
    assert ensure(base, again) == ["class images of 'stuffed animal': 4 of 6 exist; making the rest"]
    assert again.batches == [["00004.png", "00005.png"]]
    assert again.is_complete()
    assert content(again) == good


def test_a_set_killed_inside_a_commit_ends_as_the_same_bits(base, good, tmp_path):
    images = wanted(tmp_path, base)
    ready, half = images.folder / ".ready-00000", images.folder / "..ready-00004.0123abcd.tmp"
    for folder, names in ((ready, ["00002.png", "00003.png"]), (half, ["00004.png"])):
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).write_bytes(good[name])
    for name in ("00000.png", "00001.png"):
        (images.folder / name).write_bytes(good[name])
    ensure(base, images)
    assert images.batches == [["00004.png", "00005.png"]]
    assert content(images) == good
    assert visible(images) == {*good, "set.json"}


@pytest.mark.parametrize("damage", ["deleted", "changed", "truncated", "empty"])
def test_damage_is_noticed_said_and_repaired_with_the_same_bits(base, good, tmp_path, damage):
    images = made(tmp_path, good, base)
    images.latents.write_text("made from these images")
    file = images.images[1]
    if damage == "deleted":
        file.unlink()
        assert not images.is_complete()
    else:
        whole = file.read_bytes()
        parts = {"changed": whole[:-1] + b"?", "truncated": whole[: len(whole) // 2], "empty": b""}
        file.write_bytes(parts[damage])
    again = wanted(tmp_path, base)
    [line] = ensure(base, again)
    assert str(images.folder) in line
    assert "1 missing or changed (00001.png" in line
    assert line.endswith("making them again")
    assert content(again) == good
    assert not images.latents.exists()
    assert ensure(base, wanted(tmp_path, base)) == []


def test_only_the_batches_of_damaged_images_are_drawn_again(base, good, tmp_path):
    images = made(tmp_path, good, base)
    kept = images.images[0].stat().st_mtime_ns
    images.images[5].unlink()
    again = wanted(tmp_path, base)
    ensure(base, again)
    assert again.batches == [["00004.png", "00005.png"]]
    assert images.images[0].stat().st_mtime_ns == kept
    assert content(again) == good


@pytest.mark.parametrize(
    "manifest",
    ["", "{", "[]", "null", "{}", '{"identity": {}, "files": {}}', '{"files": []}', "identity", "files"],
)
def test_a_damaged_or_foreign_manifest_is_never_believed(base, good, tmp_path, manifest):
    images = made(tmp_path, good, base)
    if manifest in ("identity", "files"):
        present = json.loads(images.manifest.read_text())
        present[manifest] = {**present["identity"], "base": "another"} if manifest == "identity" else [1]
        manifest = json.dumps(present)
    images.manifest.write_text(manifest)
    [line] = ensure(base, wanted(tmp_path, base))
    assert "6 missing or changed" in line
    assert content(images) == good
    assert json.loads(images.manifest.read_text())["identity"] == images.identity


@pytest.mark.parametrize(
    "change",
    [
        {"fingerprint": "another-model"},
        {"noun": "toy"},
        {"sampler": SAMPLER.model_copy(update={"scheduler": "ddim"})},
        {"sampler": SAMPLER.model_copy(update={"steps": 3})},
        {"sampler": SAMPLER.model_copy(update={"guidance_scale": 4.0})},
        {"sampler": SAMPLER.model_copy(update={"negative_prompt": "dark"})},
        {"count": COUNT - 1},
        {"size": 32},
    ],
    ids=lambda change: "-".join(change),
)
def test_another_model_noun_sampler_count_or_size_is_another_folder(base, good, tmp_path, change):
    ours, other = made(tmp_path, good, base), wanted(tmp_path, base, **change)
    assert other.folder != ours.folder
    assert not other.is_complete()


@pytest.mark.parametrize(
    ("field", "value"), [("runtime.quantize", "fp8"), ("base.variant", "fp16"), ("image_size", 64)]
)
def test_other_weights_of_the_model_draw_another_set(tmp_path, field, value):
    def folder(*changes: str) -> Path:
        spec = build_spec("paper-sd15", {}, list(changes))
        return class_image_set(tmp_path, spec, "abc", "dog", SAMPLER, COUNT).folder

    assert folder(f"{field}={value}") != folder()
    assert folder("runtime.device=cpu") == folder()


def test_nouns_that_look_alike_as_folders_are_still_two_sets(base, tmp_path):
    nouns = ("stuffed animal", "stuffed-animal", "stuffed/animal")
    folders = {wanted(tmp_path, base, noun=noun).folder for noun in nouns}
    assert len(folders) == 3
    assert {folder.parent for folder in folders} == {tmp_path / "class-images"}


def test_two_processes_that_want_the_same_set_end_with_one_good_set(base, good, tmp_path, tiny):
    command = [sys.executable, "-c", SECOND_PROCESS, tiny["base"], str(tmp_path), SAMPLER.model_dump_json()]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "ready\n"
    base.pipeline()
    assert other.stdin is not None
    other.stdin.write("go\n")
    other.stdin.flush()
    images = wanted(tmp_path, base)
    said = ensure(base, images)
    told, _ = other.communicate()
    assert other.returncode == 0
    assert (said, told) == ([], "")
    assert content(images) == good
    assert visible(images) == {*good, "set.json"}
    assert images.is_complete()
    assert wanted(tmp_path, base).remove_corrupt_images() == []
