"""Whether a base model, a method and a sampler go together. No torch here, because a plan asks, too."""

from __future__ import annotations

from dreambench.errors import DreambenchError
from dreambench.methods.method import Method
from dreambench.models.base_model import BaseModel
from dreambench.spec.run_spec import RunSpec


def check_fit(spec: RunSpec, base: BaseModel, method: Method) -> None:
    """Raise DreambenchError for an image size, a method or a sampler that does not fit a base model.

    Raises NotHereError, last, where only this machine lacks what the method needs.
    """
    family = base.family
    multiple = family.cell(base) * family.patch
    if spec.image_size % multiple:
        raise DreambenchError(
            f"image_size={spec.image_size} is not a multiple of {multiple}, the side of this model's patches",
            f"use image_size={spec.image_size // multiple * multiple or multiple}",
        )
    if family.draws_from_photos and not spec.method.shows_photos():
        raise DreambenchError(
            f"{family.name} models need a photo to draw, but {spec.method.name} shows none",
            "use --method reference",
        )
    family.check_sampler(spec.sampler, "sampler")
    needs = spec.method.class_image_needs()
    if needs is not None:
        family.check_sampler(needs[0], "method.class_sampler")
    check = getattr(method, "check", None)
    if check is not None:
        check(base, spec)
