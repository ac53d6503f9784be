"""Class images: what the frozen model draws for ``a [class noun]`` (paper, section 3.3)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dreambench.dataset import Subject
from dreambench.dataset.image_request import ImageRequest
from dreambench.runs.training_subject import training_noun
from dreambench.seeds import stable_seed
from dreambench.spec.run_spec import RunSpec
from dreambench.store.class_image_set import ClassImageSet

if TYPE_CHECKING:
    from dreambench.models.base_model import BaseModel
    from dreambench.models.device import Runtime


def class_caption(class_noun: str) -> str:
    """Return the caption of class images, and of the prior's samples: ``a [class noun]``."""
    return f"a {class_noun}"


def needed_class_images(
    cache: Path, spec: RunSpec, subject: Subject, fingerprint: str
) -> ClassImageSet | None:
    """Return the set of class images that a subject's training needs, or None."""
    noun = training_noun(spec.class_noun, subject)
    needs = spec.method.class_image_needs()
    if needs is None or not noun:
        return None
    return ClassImageSet(cache, fingerprint, noun, *needs, spec.image_size)


def ensure_class_images(
    wanted: ClassImageSet,
    base: BaseModel,
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
        noun = wanted.class_noun
        requests = [
            ImageRequest(class_caption(noun), stable_seed("class", noun, index), path)
            for index, path in enumerate(wanted.images)
        ]
        present = sum(r.file.exists() for r in requests)
        if 0 < present < len(requests) and not damaged:
            notify(f"class images of {noun!r}: {present} of {len(requests)} exist; making the rest")
        sampler, size = wanted.sampler, wanted.image_size
        generate(base.pipeline(), requests, sampler, size, runtime, wanted.commit, on_images)
        wanted.seal()
    return wanted
