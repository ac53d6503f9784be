"""Stable Diffusion 3 and 3.5 (Esser et al. 2024, arXiv 2403.03206)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from dreambench.models.families.conditioning import Conditioning
from dreambench.models.families.family import Noisy
from dreambench.models.families.flow import FlowFamily

if TYPE_CHECKING:
    import torch


class StableDiffusion3(FlowFamily):
    """A transformer conditioned on two CLIP text encoders and T5.

    Steps are drawn from a logit-normal density, and the loss is that of the preconditioned output,
    ``noisy - sigma prediction`` against the latents (``--precondition_outputs 1``): sigma squared times the
    distance of velocities.
    """

    pipelines = ("StableDiffusion3Pipeline",)
    weighted: ClassVar[Mapping[str, str]] = {
        "transformer": "diffusers.SD3Transformer2DModel",
        "vae": "diffusers.AutoencoderKL",
        "text_encoder": "transformers.CLIPTextModelWithProjection",
        "text_encoder_2": "transformers.CLIPTextModelWithProjection",
        "text_encoder_3": "transformers.T5EncoderModel",
    }
    tokenizers: ClassVar[Mapping[str, str]] = {
        "tokenizer": "transformers.CLIPTokenizer",
        "tokenizer_2": "transformers.CLIPTokenizer",
        "tokenizer_3": "transformers.T5TokenizerFast",
    }
    lora_targets: ClassVar[Mapping[str, Sequence[str]]] = {
        "transformer": (
            "attn.add_k_proj",
            "attn.add_q_proj",
            "attn.add_v_proj",
            "attn.to_add_out",
            "attn.to_k",
            "attn.to_out.0",
            "attn.to_q",
            "attn.to_v",
        )
    }

    def encode(self, pipeline: Any, prompts: Sequence[str], device: Any) -> Conditioning:
        """Return ``prompt_embeds`` [n, 77 + 256, d] and ``pooled_prompt_embeds`` [n, p].

        T5 reads 256 tokens in training as in drawing; the script trains with 77.
        """
        states, _, pooled, _ = pipeline.encode_prompt(
            list(prompts), None, None, device=device, do_classifier_free_guidance=False
        )
        return {"prompt_embeds": states, "pooled_prompt_embeds": pooled}

    def density(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Return logit-normal positions with mean 0 and deviation 1, the script's default."""
        import torch

        return torch.sigmoid(torch.randn(count, generator=generator))

    def weight(self, sigma: torch.Tensor) -> torch.Tensor:
        """Return sigma squared: the preconditioned output's error is sigma times the velocity's."""
        return sigma**2

    def predict(
        self, denoiser: Any, noisy: Noisy, conditioning: Conditioning, image_size: int
    ) -> torch.Tensor:
        """Call the transformer, whose input and output are latents."""
        predicted: torch.Tensor = denoiser(
            hidden_states=noisy.latents,
            timestep=noisy.timesteps,
            encoder_hidden_states=conditioning["prompt_embeds"],
            pooled_projections=conditioning["pooled_prompt_embeds"],
            return_dict=False,
        )[0]
        return predicted
