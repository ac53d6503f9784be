"""Samplers by name, made from the base model's own noise schedule."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dreambench.errors import DreambenchError
from dreambench.spec.method_options import SamplerSpec

_LATENTS = {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}
_CLASSES = {
    "ddim": "DDIMScheduler",
    "ddpm": "DDPMScheduler",
    "dpmsolver++": "DPMSolverMultistepScheduler",
    "euler": "EulerDiscreteScheduler",
    "euler-ancestral": "EulerAncestralDiscreteScheduler",
    "pndm": "PNDMScheduler",
    "unipc": "UniPCMultistepScheduler",
}


#: The schedulers that a base model may come with: those of Stable Diffusion's releases, and flow matching's.
_KNOWN = frozenset(
    {
        *_CLASSES.values(),
        "DEISMultistepScheduler",
        "DPMSolverSinglestepScheduler",
        "FlowMatchEulerDiscreteScheduler",
        "HeunDiscreteScheduler",
        "KDPM2AncestralDiscreteScheduler",
        "KDPM2DiscreteScheduler",
        "LCMScheduler",
        "LMSDiscreteScheduler",
        "TCDScheduler",
    }
)


def check_scheduler(name: str, folder: Path) -> None:
    """Raise DreambenchError, listing the known ones, for an unknown scheduler: the name comes from a file."""
    if name not in _KNOWN:
        raise DreambenchError(
            f"{folder / 'scheduler' / 'scheduler_config.json'}: {name!r} is not a known scheduler",
            f"known: {', '.join(sorted(_KNOWN))}",
        )


def make_sampler(sampler: SamplerSpec, base_scheduler: Any) -> Any:
    """Return a diffusers scheduler by name, with the base model's own betas and prediction type.

    ``default`` is the base model's own scheduler.
    """
    import diffusers

    own = sampler.scheduler == "default"
    made = type(base_scheduler) if own else getattr(diffusers, _CLASSES[sampler.scheduler])
    known = inspect.signature(made.__init__).parameters
    forced = {k: v for k, v in _for_latents(base_scheduler.config).items() if k in known}
    if sampler.scheduler == "pndm":
        # Stable Diffusion's own PNDM starts without Runge-Kutta steps; diffusers' default is with them.
        forced["skip_prk_steps"] = True
    return made.from_config(base_scheduler.config, **forced)


def _for_latents(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what latent models need and diffusers' schedulers do not default to, where a config is silent.

    By default, DDIM and DDPM clip each predicted sample to [-1, 1], as for pixels: of a unit normal latent
    that is 31%. They would do so with the config of an Euler scheduler, which does not mention it.
    """
    # diffusers fills its own defaults into a config that it reads, and lists them here.
    silent = set(config.get("_use_default_values", ()))
    return {name: value for name, value in _LATENTS.items() if name not in config or name in silent}
