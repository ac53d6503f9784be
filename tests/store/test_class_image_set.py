"""A set of class images: its folder is of all that its images depend on, and its hashes tell damage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dreambench.spec.method_options import SamplerSpec
from dreambench.store.class_image_set import ClassImageSet
from tests.store.material import everything, pictures

SAMPLER = SamplerSpec(steps=2)


def wanted(cache: Path) -> ClassImageSet:
    return ClassImageSet(cache, "a model", "toy", SAMPLER, count=3, image_size=16)


def sealed(cache: Path) -> ClassImageSet:
    """Return a complete set, with the latents of its images."""
    images = wanted(cache)
    with images.locked():
        images.commit(dict(zip(images.images, pictures(cache, 3).values(), strict=True)))
        images.seal()
    images.latents.write_text("latents")
    return images


def test_a_set_of_anything_else_is_another_folder(tmp_path: Path) -> None:
    changes = {
        "base": "another",
        "class_noun": "dog",
        "sampler": SamplerSpec(steps=3),
        "count": 4,
        "image_size": 32,
        "weights": "nf4",
        "cache": tmp_path / "elsewhere",
    }
    sets = [wanted(tmp_path), *(replace(wanted(tmp_path), **{name: to}) for name, to in changes.items())]
    assert len({each.folder for each in sets}) == 1 + len(changes)
    assert wanted(tmp_path).folder == wanted(tmp_path).folder
    spaced, parted = (replace(wanted(tmp_path), class_noun=noun).folder for noun in ("a b", "a-b"))
    assert spaced != parted


@pytest.mark.parametrize("damage", ["changed", "missing", "exchanged"])
def test_a_damaged_image_is_removed_with_what_was_made_of_it(tmp_path: Path, damage: str) -> None:
    images = sealed(tmp_path)
    assert images.is_complete()
    assert images.remove_corrupt_images() == []
    first, second, _ = images.images
    if damage == "changed":
        first.write_bytes(first.read_bytes()[:-1] + b"x")
    elif damage == "missing":
        first.unlink()
    else:
        first.write_bytes(second.read_bytes())
    assert images.remove_corrupt_images() == ["00000.png"]
    assert not images.is_complete()
    assert everything(images.folder) - {".lock"} == {"00001.png", "00002.png"}
    assert images.remove_corrupt_images() == []  # nothing is known of the others any more


def test_a_manifest_of_another_set_vouches_for_nothing(tmp_path: Path) -> None:
    images, other = sealed(tmp_path), replace(wanted(tmp_path), base="another")
    other.folder.mkdir(parents=True)
    for file in (*images.images, images.manifest):
        (other.folder / file.name).write_bytes(file.read_bytes())
    assert len(other.remove_corrupt_images()) == 3


def test_who_makes_a_set_finds_what_a_killed_process_has_committed(tmp_path: Path) -> None:
    images = wanted(tmp_path)
    ready = images.folder / ".ready-00000"
    for file, picture in zip(images.images, pictures(tmp_path, 3).values(), strict=True):
        ready.mkdir(parents=True, exist_ok=True)
        picture.save(ready / file.name)
    (images.folder / "..ready-00003.0123abcd.tmp").mkdir()
    with images.locked():
        assert everything(images.folder) - {".lock"} == {file.name for file in images.images}
