"""Diffusion with a U-Net: variance-preserving schedules add the noise (Ho et al. 2020)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dreambench.errors import DreambenchError
from dreambench.models.families.conditioning import Conditioning
from dreambench.models.families.family import Family, Noisy

if TYPE_CHECKING:
    import torch

    from dreambench.models.base_model import BaseModel


class DiffusionFamily(Family):
    """What Stable Diffusion and SDXL share: epsilon or v prediction, and any of diffusers' samplers."""

    denoiser = "unet"
    full_fine_tuning = True
    learned_words = True
    large = False
    references = "ip-adapter"
    patch = 1

    def check(self, base: BaseModel) -> None:
        """Refuse flow matching and sample prediction, and U-Nets with more inputs than latents.

        The training's target would be another one, and a wrongly trained model's images look plausible.
        Inpainting and depth models have more inputs.
        """
        scheduler = base.config("scheduler")
        kind, prediction = str(scheduler.get("_class_name", "")), scheduler.get("prediction_type", "epsilon")
        if kind.startswith("FlowMatch") or prediction == "flow_prediction":
            raise DreambenchError(
                f"base model {base.name} is a flow-matching model ({kind}), which is not supported",
                "use an epsilon- or v-prediction model of this family",
            )
        if prediction not in ("epsilon", "v_prediction"):
            raise DreambenchError(
                f"base model {base.name}: scheduler/scheduler_config.json has prediction_type {prediction!r}",
                "epsilon and v_prediction are supported",
            )
        channels = base.config("unet").get("in_channels", 4)
        latent = base.config("vae").get("latent_channels", 4)
        if channels != latent:
            raise DreambenchError(
                f"{base.folder / 'unet' / 'config.json'}: the U-Net takes {channels} channels, "
                f"the VAE has {latent}",
                "inpainting and depth models cannot be personalized here; use a text-to-image model",
            )

    def states(
        self, base: BaseModel, captions: Sequence[str], trained: Mapping[str, Any]
    ) -> Callable[[], Conditioning]:
        """Return the captions' embeddings, computed in each step if a text encoder is trained.

        A family of which no text encoder can be trained has those of its pipeline.
        """
        import torch

        if not self.trainable_text_encoders:
            return super().states(base, captions, trained)
        encoders = [
            trained[name] if name in trained else base.frozen(name) for name in self.trainable_text_encoders
        ]
        tokens = [tokens_of(base.tokenizer_of(name), captions, base.device) for name in self.tokenizers]

        def compute() -> Conditioning:
            pairs = zip(encoders, tokens, strict=True)
            return self.text_conditioning([encoder(ids, output_hidden_states=True) for encoder, ids in pairs])

        if trained.keys() & set(self.trainable_text_encoders):
            return compute
        with torch.no_grad():
            found = compute()
        base.park(*self.text_encoders())
        return lambda: found

    def native_size(self, base: BaseModel) -> int | None:
        """Return the side of the U-Net's sample, in pixels."""
        cells = base.config("unet").get("sample_size")
        return int(cells) * self.cell(base) if isinstance(cells, int) else None

    def schedule(self, scheduler: Any) -> Any:
        """Return the forward process (DDPM) that the base model was trained with."""
        from diffusers import DDPMScheduler

        return DDPMScheduler.from_config(scheduler.config)

    def corrupt(self, schedule: Any, latents: torch.Tensor, generator: torch.Generator) -> Noisy:
        """Add noise at uniform timesteps (diffusers, examples/dreambooth/train_dreambooth.py).

        The target is the noise, or v: ``alpha_t noise - sigma_t latents`` (Salimans & Ho 2022). Either way
        the MSE equals the paper's on ``x`` up to its weight ``w_t``.
        """
        import torch

        noise = torch.randn(latents.shape, generator=generator)
        count = int(schedule.config.num_train_timesteps)
        timesteps = torch.randint(0, count, (latents.shape[0],), generator=generator)
        by_noise = schedule.config.prediction_type == "epsilon"
        target = noise if by_noise else schedule.get_velocity(latents, noise, timesteps)
        return Noisy(schedule.add_noise(latents, noise, timesteps), timesteps, target)


def tokens_of(tokenizer: Any, captions: Sequence[str], device: Any) -> Any:
    """Return the token ids int64 [n, context length] of captions, as Stable Diffusion pads them."""
    return tokenizer(
        list(captions),
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    ).input_ids.to(device)
