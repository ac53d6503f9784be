"""Shows a model one photo without training it, by ILVR (Choi et al. 2021, arXiv 2108.02938).

In the early steps the coarse part of the latents is replaced by that of the noisy photo.
"""

from pathlib import Path

import torch
from PIL import ImageOps
from pydantic import Field
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from dreambench.dataset import read_image
from dreambench.errors import DreambenchError
from dreambench.methods.method import Personalized, SubjectPhrase
from dreambench.spec.method_options import MethodOptions


class LowFrequencyOptions(MethodOptions):
    """How coarse the shown part is, in latents a side, and in which share of the steps it is shown."""

    name: str = "low-frequency"
    side: int = Field(8, ge=1)
    until: float = Field(0.5, ge=0, le=1)

    def trains(self) -> bool:
        return False

    def shows_photos(self) -> bool:
        return True


class LowFrequency:
    Options = LowFrequencyOptions

    def personalize(self, subject, base, spec, context):
        options, pipeline = spec.method, base.pipeline()
        photo = ImageOps.fit(read_image(subject.photos[0].path), (spec.image_size, spec.image_size))
        pixels = pipeline.image_processor.preprocess(photo).to(base.device, pipeline.vae.dtype)
        with torch.inference_mode():
            shown = pipeline.vae.encode(pixels).latent_dist.mode() * pipeline.vae.config.scaling_factor
        noise = torch.randn(shown.shape, generator=torch.Generator().manual_seed(spec.seed))

        def coarse(latents):
            small = adaptive_avg_pool2d(latents.float(), options.side)
            return interpolate(small, latents.shape[-2:], mode="bilinear").to(latents)

        def follow(pipeline, step, timestep, tensors):
            latents, times = tensors["latents"], pipeline.scheduler.timesteps
            if step + 1 < options.until * len(times):
                noisy = pipeline.scheduler.add_noise(
                    shown.to(latents), noise.to(latents), times[step + 1 : step + 2]
                )
                tensors["latents"] = latents + coarse(noisy) - coarse(latents)
            return tensors

        return Personalized(pipeline, call_arguments={"callback_on_step_end": follow})

    def phrase(self, subject, identifier):
        return SubjectPhrase(None, subject.class_noun)

    def save(self, personalized, folder: Path) -> None:
        """Nothing was trained."""

    def load(self, folder: Path, base, context):
        raise DreambenchError(f"{folder} belongs to a method that trains weights", "remove it")
