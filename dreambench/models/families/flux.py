"""FLUX.1 (Black Forest Labs 2024)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from dreambench.models.families.conditioning import Conditioning
from dreambench.models.families.family import Noisy
from dreambench.models.families.flow import FlowFamily, modes
from dreambench.spec.method_options import SamplerSpec

if TYPE_CHECKING:
    import torch

#: The guidance input of the distilled model in training (diffusers, examples/dreambooth/README_flux.md).
TRAINING_GUIDANCE = 1.0


class Flux(FlowFamily):
    """A transformer over packed latents, conditioned on CLIP's pooled state, T5, and, in -dev, guidance."""

    pipelines = ("FluxPipeline",)
    weighted: ClassVar[Mapping[str, str]] = {
        "transformer": "diffusers.FluxTransformer2DModel",
        "vae": "diffusers.AutoencoderKL",
        "text_encoder": "transformers.CLIPTextModel",
        "text_encoder_2": "transformers.T5EncoderModel",
    }
    tokenizers: ClassVar[Mapping[str, str]] = {
        "tokenizer": "transformers.CLIPTokenizer",
        "tokenizer_2": "transformers.T5TokenizerFast",
    }
    lora_targets: ClassVar[Mapping[str, Sequence[str]]] = {
        "transformer": (
            "attn.to_k",
            "attn.to_q",
            "attn.to_v",
            "attn.to_out.0",
            "attn.add_k_proj",
            "attn.add_q_proj",
            "attn.add_v_proj",
            "attn.to_add_out",
            "ff.net.0.proj",
            "ff.net.2",
            "ff_context.net.0.proj",
            "ff_context.net.2",
        )
    }
    negative_prompts = False

    def encode(self, pipeline: Any, prompts: Sequence[str], device: Any) -> Conditioning:
        """Return T5's ``prompt_embeds`` [n, 512, d] and CLIP's ``pooled_prompt_embeds`` [n, p]."""
        states, pooled, _ = pipeline.encode_prompt(list(prompts), None, device=device)
        return {"prompt_embeds": states, "pooled_prompt_embeds": pooled}

    def guided(self, pipeline: Any, sampler: SamplerSpec) -> bool:
        """Return False: guidance is an input of the distilled model; there is no negative prompt."""
        return False

    def predict(
        self, denoiser: Any, noisy: Noisy, conditioning: Conditioning, image_size: int
    ) -> torch.Tensor:
        """Pack the latents in tokens of 2 x 2 cells, call the transformer, and unpack its output."""
        import torch
        from diffusers import FluxPipeline

        rows, channels, height, width = noisy.latents.shape
        device, states = noisy.latents.device, conditioning["prompt_embeds"]
        packed = FluxPipeline._pack_latents(noisy.latents, rows, channels, height, width)
        guidance = torch.full((rows,), TRAINING_GUIDANCE, device=device)
        predicted = denoiser(
            hidden_states=packed,
            timestep=noisy.timesteps / 1000,
            guidance=guidance if denoiser.config.guidance_embeds else None,
            pooled_projections=conditioning["pooled_prompt_embeds"],
            encoder_hidden_states=states,
            txt_ids=torch.zeros(states.shape[1], 3, device=device),
            img_ids=FluxPipeline._prepare_latent_image_ids(
                rows, height // 2, width // 2, device, torch.float32
            ),
            return_dict=False,
        )[0]
        unpacked: torch.Tensor = FluxPipeline._unpack_latents(predicted, height, width, vae_scale_factor=1)
        return unpacked


class FluxKontext(Flux):
    """FLUX.1 Kontext (arXiv 2506.15742): FLUX.1 that also sees a photo."""

    pipelines = ("FluxKontextPipeline",)
    #: FLUX.1's, and the input of the feed-forward layers beside single-stream attention (the script's list).
    lora_targets: ClassVar[Mapping[str, Sequence[str]]] = {
        "transformer": (*Flux.lora_targets["transformer"], "proj_mlp")
    }
    references = "one photo"

    def latent_statistics(self, vae: Any, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the posterior's mode [n, c, h, w], as the script does (``--vae_encode_mode mode``)."""
        return modes(vae, pixels)

    def arguments(
        self, positive: Conditioning, negative: Conditioning | None, sampler: SamplerSpec, image_size: int
    ) -> dict[str, Any]:
        """Return a pipeline's arguments: neither photos nor images are resized to about 1024 pixels."""
        found = super().arguments(positive, negative, sampler, image_size)
        return {**found, "_auto_resize": False, "max_area": image_size**2}
