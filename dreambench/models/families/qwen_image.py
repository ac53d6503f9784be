"""Qwen-Image (Alibaba 2025, arXiv 2508.02324)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from dreambench.models.families.conditioning import Conditioning
from dreambench.models.families.family import Noisy
from dreambench.models.families.flow import FlowFamily
from dreambench.spec.method_options import SamplerSpec

if TYPE_CHECKING:
    import torch

    from dreambench.models.base_model import BaseModel


class QwenImage(FlowFamily):
    """A transformer over packed latents of a video VAE, conditioned on Qwen 2.5-VL, with true guidance."""

    pipelines = ("QwenImagePipeline",)
    weighted: ClassVar[Mapping[str, str]] = {
        "transformer": "diffusers.QwenImageTransformer2DModel",
        "vae": "diffusers.AutoencoderKLQwenImage",
        "text_encoder": "transformers.Qwen2_5_VLForConditionalGeneration",
    }
    tokenizers: ClassVar[Mapping[str, str]] = {"tokenizer": "transformers.Qwen2Tokenizer"}
    clip_text = False

    def cell(self, base: BaseModel) -> int:
        """Return the side in pixels of one cell of latents."""
        return int(2 ** len(base.config("vae").get("temperal_downsample") or [0, 0, 0]))

    def encode(self, pipeline: Any, prompts: Sequence[str], device: Any) -> Conditioning:
        """Return ``prompt_embeds`` [n, t, d], padded to the longest, and ``prompt_embeds_mask`` [n, t]."""
        states, mask = pipeline.encode_prompt(list(prompts), device=device)
        return {"prompt_embeds": states, "prompt_embeds_mask": mask_of(states, mask)}

    def arguments(
        self, positive: Conditioning, negative: Conditioning | None, sampler: SamplerSpec, image_size: int
    ) -> dict[str, Any]:
        """Return a pipeline's arguments: guidance is called ``true_cfg_scale`` here."""
        found = super().arguments(positive, negative, sampler, image_size)
        scale = found.pop("guidance_scale")
        return {**found, "true_cfg_scale": scale}

    def latent_statistics(self, vae: Any, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and deviation [n, c, h, w] of images as videos of one frame."""
        posterior = vae.encode(pixels.unsqueeze(2)).latent_dist
        return posterior.mean.squeeze(2), posterior.std.squeeze(2)

    def latent_scaling(self, vae: Any) -> tuple[Any, Any]:
        """Return the channels' means and reciprocal deviations [1, c, 1, 1], from the VAE's configuration."""
        import torch

        mean, deviation = (torch.tensor(vae.config[name]) for name in ("latents_mean", "latents_std"))
        return mean.view(1, -1, 1, 1), 1 / deviation.view(1, -1, 1, 1)

    def predict(
        self, denoiser: Any, noisy: Noisy, conditioning: Conditioning, image_size: int
    ) -> torch.Tensor:
        """Pack the latents in tokens of 2 x 2 cells, call the transformer, and unpack its output."""
        from diffusers import QwenImagePipeline

        rows, channels, height, width = noisy.latents.shape
        predicted = denoiser(
            hidden_states=QwenImagePipeline._pack_latents(noisy.latents, rows, channels, height, width),
            encoder_hidden_states=conditioning["prompt_embeds"],
            encoder_hidden_states_mask=conditioning["prompt_embeds_mask"],
            timestep=noisy.timesteps / 1000,
            img_shapes=[(1, height // 2, width // 2)] * rows,
            return_dict=False,
        )[0]
        unpacked = QwenImagePipeline._unpack_latents(predicted, height, width, vae_scale_factor=1)
        return unpacked.squeeze(2)


def mask_of(states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Return the mask [n, t] of embeddings [n, t, d]; diffusers omits one that masks nothing."""
    import torch

    return torch.ones(states.shape[:2], dtype=torch.long, device=states.device) if mask is None else mask
