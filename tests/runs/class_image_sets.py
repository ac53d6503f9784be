"""Sets of class images to make, cut short and damage, by a tiny base model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dreambench.models.base_model import BaseModel
from dreambench.models.device import resolve_runtime
from dreambench.runs.class_images import ensure_class_images
from dreambench.spec.method_options import SamplerSpec
from dreambench.spec.run_spec import RuntimeSpec
from dreambench.store.class_image_set import ClassImageSet
from tests.executors.material import Silent

SAMPLER = SamplerSpec(scheduler="euler-ancestral", steps=2, guidance_scale=3.0)
COUNT, SIZE, BATCH = 6, 64, 4
RUNTIME = resolve_runtime(RuntimeSpec(device="cpu", generation_batch_size=BATCH))


class Watched(ClassImageSet):
    """A set that counts the batches it is given, and can be cut short after some of them."""

    def __new__(cls, *_: Any) -> Watched:
        self = super().__new__(cls)
        self.__dict__.update(batches=[], cut_after=None)
        return self

    def commit(self, images: Any) -> None:
        if len(self.batches) == self.cut_after:
            raise KeyboardInterrupt
        super().commit(images)
        self.batches.append(sorted(path.name for path in images))


class Counting(Silent):
    """A watch that counts how far its bars have moved."""

    count = 0

    def advance(self, name, count=1):
        self.count += count


def wanted(cache: Path, base: BaseModel, **changes: Any) -> Watched:
    """Return a set that is asked for in a cache folder; nothing is made."""
    settings = {"noun": "stuffed animal", "sampler": SAMPLER, "count": COUNT, "size": SIZE, **changes}
    fingerprint = settings.get("fingerprint", base.fingerprint)
    return Watched(
        cache, fingerprint, settings["noun"], settings["sampler"], settings["count"], settings["size"]
    )


def ensure(base: BaseModel, images: ClassImageSet) -> list[str]:
    """Make what is missing of a set; return what was said."""
    watch = Silent()
    assert ensure_class_images(images, base, RUNTIME, watch) is images
    return watch.lines


def content(images: ClassImageSet) -> dict[str, bytes]:
    """Return the files of a set by name."""
    return {path.name: path.read_bytes() for path in images.images}


def made(cache: Path, good: dict[str, bytes], base: BaseModel) -> Watched:
    """Return a complete set, sealed, with the files of one that was made in one go."""
    images = wanted(cache, base)
    images.folder.mkdir(parents=True)
    for name, data in good.items():
        (images.folder / name).write_bytes(data)
    images.seal()
    assert images.is_complete()
    return images


def visible(images: ClassImageSet) -> set[str]:
    """Return the names in a set's folder, without its lock."""
    return {path.name for path in images.folder.iterdir()} - {".lock"}
