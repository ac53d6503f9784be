"""Class images: what the frozen model draws for ``a [class noun]`` (paper, section 3.3)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreambench.dataset import Subject
from dreambench.dataset.image_request import ImageRequest
from dreambench.runs.training_subject import training_noun
from dreambench.seeds import stable_seed
from dreambench.spec.method_options import SamplerSpec
from dreambench.spec.run_spec import RunSpec
from dreambench.store.class_image_set import ClassImageSet

if TYPE_CHECKING:
    from dreambench.models.base_model import BaseModel
    from dreambench.models.device import Runtime


def class_caption(class_noun: str) -> str:
    """Return the caption of class images, and of the prior's samples: ``a [class noun]``."""
    return f"a {class_noun}"


def class_image_set(
    cache: Path, base_fingerprint: str, class_noun: str, sampler: SamplerSpec, count: int, image_size: int
) -> ClassImageSet:
    """Return the set for these settings; it may not exist yet."""
    identity: dict[str, Any] = {
        "base": base_fingerprint,
        "class_noun": class_noun,
        "sampler": sampler.model_dump(mode="json"),
        "image_size": image_size,
        "count": count,
    }
    return ClassImageSet.of(cache, identity)


def needed_class_images(
    cache: Path, spec: RunSpec, subject: Subject, fingerprint: str
) -> ClassImageSet | None:
    """Return the set of class images that a subject's training needs, or None."""
    noun = training_noun(spec.class_noun, subject)
    needs = spec.method.class_image_needs()
    if needs is None or not noun:
        return None
    return class_image_set(cache, fingerprint, noun, *needs, spec.image_size)


def ensure_class_images(
    wanted: ClassImageSet,
    base: BaseModel,
    sampler: SamplerSpec,
    runtime: Runtime,
    notify: Callable[[str], None] = lambda line: None,
    on_images: Callable[[int], None] = lambda count: None,
) -> ClassImageSet:
    """Make the missing images of a set, and return the complete set.

    A sealed set is first compared with its manifest; missing and changed files are made again, and
    ``notify`` says so. Every image has its own seed, so the result does not depend on interruptions.
    """
    from dreambench.models.sampling import generate

    with wanted.locked():
        damaged = wanted.remove_corrupt_images()
        if damaged:
            what = f"{len(damaged)} missing or changed ({damaged[0]} ...)"
            notify(f"class images {wanted.folder}: {what}; making them again")
        if wanted.manifest.exists():
            on_images(wanted.count)
            return wanted
        size, noun = int(wanted.identity["image_size"]), str(wanted.identity["class_noun"])
        requests = [
            ImageRequest(class_caption(noun), stable_seed("class", noun, index), path)
            for index, path in enumerate(wanted.images)
        ]
        present = sum(r.file.exists() for r in requests)
        if 0 < present < len(requests) and not damaged:
            notify(f"class images of {noun!r}: {present} of {len(requests)} exist; making the rest")
        generate(base.pipeline(), requests, sampler, size, runtime, wanted.commit, on_images)
        wanted.seal()
    return wanted
