"""Stable Diffusion XL (Podell et al. 2023, arXiv 2307.01952)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from dreambench.models.families.conditioning import Conditioning
from dreambench.models.families.diffusion import DiffusionFamily
from dreambench.models.families.family import Noisy

if TYPE_CHECKING:
    import torch


class StableDiffusionXL(DiffusionFamily):
    """A U-Net conditioned on two CLIP text encoders, a pooled text state, and the image's size and crop.

    The training step is diffusers' ``examples/dreambooth/train_dreambooth_lora_sdxl.py``. The VAE overflows
    in float16, so it is always float32.
    """

    pipelines = ("StableDiffusionXLPipeline",)
    weighted: ClassVar[Mapping[str, str]] = {
        "unet": "diffusers.UNet2DConditionModel",
        "vae": "diffusers.AutoencoderKL",
        "text_encoder": "transformers.CLIPTextModel",
        "text_encoder_2": "transformers.CLIPTextModelWithProjection",
    }
    tokenizers: ClassVar[Mapping[str, str]] = {
        "tokenizer": "transformers.CLIPTokenizer",
        "tokenizer_2": "transformers.CLIPTokenizer",
    }
    lora_targets: ClassVar[Mapping[str, Sequence[str]]] = {
        "unet": ("to_k", "to_q", "to_v", "to_out.0"),
        "text_encoder": ("q_proj", "k_proj", "v_proj", "out_proj"),
        "text_encoder_2": ("q_proj", "k_proj", "v_proj", "out_proj"),
    }
    trainable_text_encoders = ("text_encoder", "text_encoder_2")
    own_negative = True

    def pipeline_options(self, index: Mapping[str, Any]) -> dict[str, Any]:
        """Return how empty prompts are encoded, and disable the watermark, which would be scored."""
        zeros = index.get("force_zeros_for_empty_prompt", True)
        return {"force_zeros_for_empty_prompt": zeros, "add_watermarker": False}

    def encode(self, pipeline: Any, prompts: Sequence[str], device: Any) -> Conditioning:
        """Return ``prompt_embeds`` [n, 77, d] from both encoders and ``pooled_prompt_embeds`` [n, p]."""
        states, _, pooled, _ = pipeline.encode_prompt(
            list(prompts), device=device, do_classifier_free_guidance=False
        )
        return {"prompt_embeds": states, "pooled_prompt_embeds": pooled}

    def encode_negative(self, pipeline: Any, prompt: str, device: Any) -> Conditioning:
        """Return the negative prompt's embedding: zeros for the empty one, as the model was trained."""
        import torch

        found = self.encode(pipeline, [prompt], device)
        if prompt == "" and pipeline.config.force_zeros_for_empty_prompt:
            return {name: torch.zeros_like(value) for name, value in found.items()}
        return found

    def text_conditioning(self, outputs: Sequence[Any]) -> Conditioning:
        """Return both encoders' penultimate states, as ``encode_prompt`` does; pooled is the second's."""
        import torch

        states = torch.cat([output.hidden_states[-2] for output in outputs], dim=-1)
        return {"prompt_embeds": states, "pooled_prompt_embeds": outputs[1][0]}

    def predict(
        self, denoiser: Any, noisy: Noisy, conditioning: Conditioning, image_size: int
    ) -> torch.Tensor:
        """Call the U-Net with text embeddings, pooled states and the size of an uncropped square image."""
        import torch

        # Photos are cropped to the square before they are encoded, and passed as if nothing had been cropped.
        # Filled on the device: to copy numbers from the CPU would wait for the GPU in every step.
        ids = torch.full((len(noisy.latents), 6), float(image_size), device=noisy.latents.device)
        ids[:, 2:4] = 0.0
        added = {"text_embeds": conditioning["pooled_prompt_embeds"], "time_ids": ids}
        predicted: torch.Tensor = denoiser(
            noisy.latents,
            noisy.timesteps,
            conditioning["prompt_embeds"],
            added_cond_kwargs=added,
            return_dict=False,
        )[0]
        return predicted
