"""Stable Diffusion 1.x and 2.x (Rombach et al. 2022)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from dreambench.models.families.conditioning import Conditioning
from dreambench.models.families.diffusion import DiffusionFamily
from dreambench.models.families.family import Noisy

if TYPE_CHECKING:
    import torch


class StableDiffusion(DiffusionFamily):
    """A U-Net conditioned on the last hidden states of one CLIP text encoder."""

    pipelines = ("StableDiffusionPipeline",)
    weighted: ClassVar[Mapping[str, str]] = {
        "unet": "diffusers.UNet2DConditionModel",
        "vae": "diffusers.AutoencoderKL",
        "text_encoder": "transformers.CLIPTextModel",
    }
    tokenizers: ClassVar[Mapping[str, str]] = {"tokenizer": "transformers.CLIPTokenizer"}
    lora_targets: ClassVar[Mapping[str, Sequence[str]]] = {
        "unet": ("to_q", "to_k", "to_v", "to_out.0"),
        "text_encoder": ("q_proj", "k_proj", "v_proj", "out_proj"),
    }
    trainable_text_encoders = ("text_encoder",)
    float32_vae = False

    def pipeline_options(self, index: Mapping[str, Any]) -> dict[str, Any]:
        """Disable the safety checker: it blacks out images at random, and black images would be scored."""
        return {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}

    def encode(self, pipeline: Any, prompts: Sequence[str], device: Any) -> Conditioning:
        """Return ``prompt_embeds`` [n, 77, d]."""
        states, _ = pipeline.encode_prompt(list(prompts), device, 1, False)
        return {"prompt_embeds": states}

    def text_conditioning(self, outputs: Sequence[Any]) -> Conditioning:
        """Return the text encoder's last hidden states [n, 77, d]."""
        return {"prompt_embeds": outputs[0][0]}

    def predict(
        self, denoiser: Any, noisy: Noisy, conditioning: Conditioning, image_size: int
    ) -> torch.Tensor:
        """Call the U-Net with the text embeddings."""
        states = conditioning["prompt_embeds"]
        predicted: torch.Tensor = denoiser(noisy.latents, noisy.timesteps, states, return_dict=False)[0]
        return predicted
