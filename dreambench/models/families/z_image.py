"""Z-Image (Alibaba 2025, arXiv 2511.22699)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from dreambench.models.families.conditioning import Conditioning
from dreambench.models.families.family import Noisy
from dreambench.models.families.flow import FlowFamily, modes
from dreambench.spec.method_options import SamplerSpec

if TYPE_CHECKING:
    import torch


class ZImage(FlowFamily):
    """A transformer over single images of any size, conditioned on Qwen 3; prompts are not padded."""

    pipelines = ("ZImagePipeline",)
    weighted: ClassVar[Mapping[str, str]] = {
        "transformer": "diffusers.ZImageTransformer2DModel",
        "vae": "diffusers.AutoencoderKL",
        "text_encoder": "transformers.Qwen3Model",
    }
    tokenizers: ClassVar[Mapping[str, str]] = {"tokenizer": "transformers.Qwen2TokenizerFast"}
    clip_text = False

    def encode(self, pipeline: Any, prompts: Sequence[str], device: Any) -> Conditioning:
        """Return ``prompt_embeds``, a list of n tensors [t, d] of different lengths."""
        states, _ = pipeline.encode_prompt(list(prompts), device=device, do_classifier_free_guidance=False)
        return {"prompt_embeds": states}

    def guided(self, pipeline: Any, sampler: SamplerSpec) -> bool:
        """Whether the sampler has guidance: this pipeline's guidance is off at 0, not at 1."""
        return sampler.guidance_scale > 0

    def latent_statistics(self, vae: Any, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the posterior's mode [n, c, h, w], as the script does."""
        return modes(vae, pixels)

    def predict(
        self, denoiser: Any, noisy: Noisy, conditioning: Conditioning, image_size: int
    ) -> torch.Tensor:
        """Call the transformer, whose time and velocity run from noise (0) to image (1)."""
        import torch

        images = list(noisy.latents.unsqueeze(2).unbind(dim=0))
        time = (1000 - noisy.timesteps) / 1000
        predicted = denoiser(images, time, list(conditioning["prompt_embeds"]), return_dict=False)[0]
        return -torch.stack(list(predicted)).squeeze(2)
