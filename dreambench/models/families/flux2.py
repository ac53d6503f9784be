"""FLUX.2 and FLUX.2 klein (Black Forest Labs 2025)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from dreambench.models.families.conditioning import Conditioning
from dreambench.models.families.family import Noisy
from dreambench.models.families.flow import FlowFamily
from dreambench.models.families.flux import TRAINING_GUIDANCE
from dreambench.spec.method_options import SamplerSpec

if TYPE_CHECKING:
    import torch


class Flux2(FlowFamily):
    """A transformer over patches of latents scaled by the VAE's batch norm, conditioned on Mistral 3."""

    pipelines = ("Flux2Pipeline",)
    weighted: ClassVar[Mapping[str, str]] = {
        "transformer": "diffusers.Flux2Transformer2DModel",
        "vae": "diffusers.AutoencoderKLFlux2",
        "text_encoder": "transformers.Mistral3ForConditionalGeneration",
    }
    tokenizers: ClassVar[Mapping[str, str]] = {"tokenizer": "transformers.AutoProcessor"}
    #: The attention of double-stream blocks, then of single-stream blocks (train_dreambooth_lora_flux2.py).
    lora_targets: ClassVar[Mapping[str, Sequence[str]]] = {
        "transformer": ("to_k", "to_q", "to_v", "to_out.0", "to_qkv_mlp_proj", "to_out")
    }
    clip_text = False
    references = "photos"
    negative_prompts = False

    def encode(self, pipeline: Any, prompts: Sequence[str], device: Any) -> Conditioning:
        """Return ``prompt_embeds`` [n, 512, 3 d]: three layers of the text encoder side by side."""
        states, _ = pipeline.encode_prompt(list(prompts), device=device)
        return {"prompt_embeds": states}

    def guided(self, pipeline: Any, sampler: SamplerSpec) -> bool:
        """Return False: guidance is an input of the distilled model; there is no negative prompt."""
        return False

    def latent_statistics(self, vae: Any, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the posterior's mode as tokens of 2 x 2 cells [n, 4 c, h/2, w/2], as the script does."""
        import torch
        from diffusers import Flux2Pipeline

        mode = Flux2Pipeline._patchify_latents(vae.encode(pixels).latent_dist.mode())
        return mode, torch.zeros_like(mode)

    def latent_scaling(self, vae: Any) -> tuple[Any, Any]:
        """Return mean and reciprocal deviation [1, 4 c, 1, 1] of the VAE's batch norm."""
        import torch

        mean = vae.bn.running_mean.view(1, -1, 1, 1).float().cpu()
        variance = vae.bn.running_var.view(1, -1, 1, 1).float().cpu()
        return mean, 1 / torch.sqrt(variance + vae.config.batch_norm_eps)

    def predict(
        self, denoiser: Any, noisy: Noisy, conditioning: Conditioning, image_size: int
    ) -> torch.Tensor:
        """Call the transformer on the tokens with their positions, and put its output back in place."""
        import torch
        from diffusers import Flux2Pipeline

        rows, device, states = len(noisy.latents), noisy.latents.device, conditioning["prompt_embeds"]
        places = Flux2Pipeline._prepare_latent_ids(noisy.latents).to(device)
        guidance = torch.full((rows,), TRAINING_GUIDANCE, device=device)
        predicted = denoiser(
            hidden_states=Flux2Pipeline._pack_latents(noisy.latents),
            timestep=noisy.timesteps / 1000,
            guidance=guidance if denoiser.config.guidance_embeds else None,
            encoder_hidden_states=states,
            txt_ids=Flux2Pipeline._prepare_text_ids(states).to(device),
            img_ids=places,
            return_dict=False,
        )[0]
        return predicted.transpose(1, 2).reshape(noisy.latents.shape)


class Flux2Klein(Flux2):
    """The smaller FLUX.2, conditioned on Qwen 3: with true guidance, or, distilled, without guidance."""

    pipelines = ("Flux2KleinPipeline",)
    weighted: ClassVar[Mapping[str, str]] = {
        **Flux2.weighted,
        "text_encoder": "transformers.Qwen3ForCausalLM",
    }
    tokenizers: ClassVar[Mapping[str, str]] = {"tokenizer": "transformers.Qwen2TokenizerFast"}
    negative_prompts = True

    def pipeline_options(self, index: Mapping[str, Any]) -> dict[str, Any]:
        """Return whether the model is distilled."""
        return {"is_distilled": index.get("is_distilled", False)}

    def guided(self, pipeline: Any, sampler: SamplerSpec) -> bool:
        """Whether the model is not distilled and the sampler has guidance."""
        return sampler.guidance_scale > 1 and not pipeline.config.is_distilled
