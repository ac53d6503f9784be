"""Class images: what the frozen model draws for ``a [class noun]`` (paper, section 3.3)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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
    from dreambench.progress import ProgressListener


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
    return class_image_set(cache, spec, fingerprint, noun, *needs)


def class_image_set(
    cache: Path, spec: RunSpec, fingerprint: str, noun: str, sampler: SamplerSpec, count: int
) -> ClassImageSet:
    """Return the set of ``count`` images of a noun that a run's base model draws."""
    quantize = spec.runtime.quantize
    weights = [spec.base.variant or "", quantize if quantize != "none" else ""]
    return ClassImageSet(
        cache, fingerprint, noun, sampler, count, spec.image_size, " ".join(filter(None, weights))
    )


def class_images_bar(noun: str) -> str:
    """Return the name of the bar of a set of class images."""
    return f"class images: a {noun}"


def ensure_class_images(
    wanted: ClassImageSet, base: BaseModel, runtime: Runtime, watch: ProgressListener
) -> ClassImageSet:
    """Make the missing images of a set, with a progress bar, and return the complete set.

    A sealed set is first compared with its manifest; missing and changed files are made again, and ``watch``
    says so. Every image has its own seed, so the result does not depend on interruptions.
    """
    from dreambench.models.sampling import generate

    noun, bar = wanted.class_noun, class_images_bar(wanted.class_noun)

    def on_images(count: int) -> None:
        watch.advance(bar, count)

    watch.start(bar, wanted.count)
    with wanted.locked():
        damaged = wanted.remove_corrupt_images()
        if damaged:
            what = f"{len(damaged)} missing or changed ({damaged[0]} ...)"
            watch.say(f"class images {wanted.folder}: {what}; making them again")
        if wanted.manifest.exists():
            on_images(wanted.count)
        else:
            requests = [
                ImageRequest(class_caption(noun), stable_seed("class", noun, index), path)
                for index, path in enumerate(wanted.images)
            ]
            present = sum(r.file.exists() for r in requests)
            if 0 < present < len(requests) and not damaged:
                watch.say(f"class images of {noun!r}: {present} of {len(requests)} exist; making the rest")
            sampler, size = wanted.sampler, wanted.image_size
            generate(base.pipeline(), requests, sampler, size, runtime, wanted.commit, on_images)
            wanted.seal()
    watch.finish(bar)
    return wanted
