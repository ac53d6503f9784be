"""The hyperparameters of methods that train a denoiser. No torch here, because specs load without it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from dreambench.errors import DreambenchError
from dreambench.models.base_model import BaseModel
from dreambench.models.quantized import require_8bit_adam
from dreambench.spec.method_options import MethodOptions, SamplerSpec
from dreambench.spec.run_spec import RunSpec


class FineTuneOptions(MethodOptions):
    """Hyperparameters of fine-tuning with prior preservation (paper, sections 3.3 and 4)."""

    learning_rate: float = Field(default=5e-6, gt=0, le=1)
    steps: int = Field(default=1000, ge=1, le=1_000_000)
    batch_size: int = Field(default=1, ge=1, le=1024, description="photos per step, and as many class images")
    train_text_encoder: bool = True
    prior_preservation: bool = True
    prior_source: Literal["class-images", "base-model"] = Field(
        default="class-images",
        description="what the class term learns: images of `a [class noun]` that the frozen model drew (the "
        "paper), or, without class images, the frozen model's predictions for that caption on the photos",
    )
    prior_preservation_weight: float = Field(
        default=1.0, ge=0, le=1000, description="lambda of the paper's equation 2"
    )
    class_images: int = Field(default=1000, ge=1, le=99_999)
    class_sampler: SamplerSpec = SamplerSpec(scheduler="euler-ancestral")
    optimizer: Literal["adamw", "adamw8bit"] = "adamw"
    adam_beta1: float = Field(default=0.9, ge=0, lt=1)
    adam_beta2: float = Field(default=0.999, ge=0, lt=1)
    adam_epsilon: float = Field(default=1e-8, gt=0, le=1)
    weight_decay: float = Field(default=1e-2, ge=0, le=10)
    max_grad_norm: float = Field(default=1.0, gt=0)
    warmup_steps: int = Field(default=0, ge=0)
    ema: bool = False
    ema_decay: float = Field(default=0.999, ge=0, lt=1)

    def images_per_step(self) -> int:
        """Return the photos of a step, and as many class images."""
        return self.batch_size * (2 if self.prior_preservation else 1)

    def class_image_needs(self) -> tuple[SamplerSpec, int] | None:
        """Return the sampler and the number of class images, with prior preservation by class images."""
        needed = self.prior_preservation and self.prior_source == "class-images"
        return (self.class_sampler, self.class_images) if needed else None

    def trained_components(self, family: Any) -> tuple[str, ...]:
        """Return the denoiser, and the text encoders if they are trained."""
        texts = family.trainable_text_encoders if self.train_text_encoder else ()
        return (family.denoiser, *texts)


def check_fine_tuning(base: BaseModel, spec: RunSpec) -> None:
    """Raise DreambenchError for text encoders that are not trained, NotHereError for an optimizer that cannot
    run on this machine: this last, because workers may be elsewhere. ``base`` is on its device already.
    """
    options = spec.method
    assert isinstance(options, FineTuneOptions)
    if options.train_text_encoder and not base.family.trainable_text_encoders:
        raise DreambenchError(
            f"the text encoders of {base.family.name} models are not trained",
            "use --set method.train_text_encoder=false",
        )
    if options.optimizer == "adamw8bit":
        require_8bit_adam(base.device)
