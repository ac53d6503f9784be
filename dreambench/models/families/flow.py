"""Flow matching with a transformer (Lipman et al. 2023; Esser et al. 2024, arXiv 2403.03206)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from dreambench.errors import DreambenchError
from dreambench.models.families.family import Family, Noisy
from dreambench.spec.method_options import SamplerSpec

if TYPE_CHECKING:
    import torch

    from dreambench.models.base_model import BaseModel

_SCHEDULER = "FlowMatchEulerDiscreteScheduler"
_PIXELS = 1024


class FlowFamily(Family):
    """What the transformers share: latents and noise are mixed linearly, and the velocity is learned.

    ``noisy = (1 - sigma) x + sigma noise``, and the target is ``noise - x``, as in diffusers' scripts
    ``examples/dreambooth/train_dreambooth_lora_{sd3,flux,flux_kontext,flux2,flux2_klein,qwen_image,z_image}.py``
    (main, 58eb52c).
    """

    lora_targets: ClassVar[Mapping[str, Sequence[str]]] = {
        "transformer": ("to_k", "to_q", "to_v", "to_out.0")
    }
    #: Whether guidance moves away from a negative prompt; if not, it is an input of the transformer.
    negative_prompts: ClassVar[bool] = True

    def check(self, base: BaseModel) -> None:
        """Refuse a scheduler that is not flow matching's."""
        found = base.config("scheduler").get("_class_name")
        if found != _SCHEDULER:
            raise DreambenchError(
                f"{base.folder / 'scheduler' / 'scheduler_config.json'}: _class_name is {found!r}",
                f"a flow-matching model needs {_SCHEDULER}; download it again",
            )

    def check_sampler(self, sampler: SamplerSpec, field: str) -> None:
        """Refuse samplers of diffusion, and a negative prompt where it would change nothing."""
        if sampler.scheduler != "default":
            raise DreambenchError(
                f"{field}.scheduler={sampler.scheduler} is for diffusion, but this is a flow-matching model",
                f"use {field}.scheduler=default, the model's own",
            )
        if sampler.negative_prompt and not self.negative_prompts:
            raise DreambenchError(
                f"{field}.negative_prompt has no effect on {self.name} models, whose guidance is an input",
                f"leave {field}.negative_prompt out",
            )

    def native_size(self, base: BaseModel) -> int | None:
        """Return 1024 pixels, the last training resolution of all these models."""
        return _PIXELS

    def schedule(self, scheduler: Any) -> Any:
        """Return a copy of the scheduler, with the training's sigmas."""
        return type(scheduler).from_config(scheduler.config)

    def corrupt(self, schedule: Any, latents: torch.Tensor, generator: torch.Generator) -> Noisy:
        """Mix latents with noise at random steps of the schedule."""
        import torch

        noise = torch.randn(latents.shape, generator=generator)
        share = self.density(len(latents), generator)
        indices = (share * schedule.config.num_train_timesteps).long()
        sigma = schedule.sigmas[indices].float().view(-1, 1, 1, 1)
        noisy = (1.0 - sigma) * latents + sigma * noise
        return Noisy(noisy, schedule.timesteps[indices].float(), noise - latents, self.weight(sigma))

    def density(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Return the rows' positions in the schedule [0, 1): uniform, unless a family differs."""
        import torch

        return torch.rand(count, generator=generator)

    def weight(self, sigma: torch.Tensor) -> torch.Tensor | None:
        """Return the loss's weight for each row's sigma [b, 1, 1, 1]; None for 1."""
        return None


def modes(vae: Any, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the modes of the images' posteriors, and deviations of 0, for scripts that draw no latents."""
    import torch

    found = vae.encode(pixels).latent_dist.mode()
    return found, torch.zeros_like(found)
