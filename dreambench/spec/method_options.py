"""MethodOptions: the base of every method's hyperparameters; and the samplers that they and runs name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from dreambench.spec.frozen import Section

SchedulerName = Literal["default", "ddim", "ddpm", "dpmsolver++", "euler", "euler-ancestral", "pndm", "unipc"]


class SamplerSpec(Section):
    """How images are drawn from a model: scheduler by name, number of steps, guidance."""

    scheduler: SchedulerName = "ddim"
    steps: int = Field(default=50, ge=1, le=1000)
    guidance_scale: float = Field(default=7.5, ge=0, le=100)
    negative_prompt: str = ""

    @model_validator(mode="after")
    def _guides_by_its_negative_prompt(self) -> SamplerSpec:
        if self.negative_prompt and self.guidance_scale <= 1:
            raise ValueError(
                "negative_prompt has no effect at guidance_scale 1 or less: leave it out, or raise that"
            )
        return self


class MethodOptions(Section):
    """The base of every method's hyperparameters; ``name`` says which method they belong to."""

    #: Fields that are inherited and have no effect on the method: whoever sets one is told.
    without_effect: ClassVar[frozenset[str]] = frozenset()
    #: Whether a training adds weights (adapters, embeddings) to a model of which every other one is frozen.
    adds_weights: ClassVar[bool] = False
    #: Whether every training step encodes text, so that frozen text encoders stay beside the denoiser.
    encodes_in_steps: ClassVar[bool] = False
    name: str = ""

    def trains(self) -> bool:
        """Whether the method changes weights, so that a subject costs a training."""
        return True

    def shows_photos(self) -> bool:
        """Whether the model is shown photos as it draws: copying one of them would be rewarded."""
        return False

    def shown_photos(self) -> Mapping[str, str] | None:
        """Return the one photo's file name by subject that the model is shown; None where it is the first."""
        return None

    def training_steps(self) -> int:
        """Return the steps of one subject's training: the field ``steps``, if the method has one."""
        return int(getattr(self, "steps", 0)) if self.trains() else 0

    def images_per_step(self) -> int:
        """Return how many images one training step sees."""
        return int(getattr(self, "batch_size", 1))

    def class_image_needs(self) -> tuple[SamplerSpec, int] | None:
        """Return the sampler and the number of the class images that a training needs; None for none."""
        return None

    def trained_components(self, family: Any) -> tuple[str, ...]:
        """Return the components of the pipeline whose weights a training writes; ``family`` is a Family."""
        return (family.denoiser,)

    def trained_parameters(self, shapes: Mapping[str, Mapping[str, tuple[int, ...]]], family: Any) -> int:
        """Return how many numbers a training changes, from the base model's shapes by component and name."""
        if not self.trains():
            return 0
        wanted = [s for name in self.trained_components(family) for s in shapes.get(name, {}).values()]
        return sum(math.prod(shape) for shape in wanted)
