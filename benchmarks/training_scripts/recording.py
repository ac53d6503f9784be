"""What a training computes, and what a script draws at random while it trains."""

from __future__ import annotations

import random
import runpy
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn.modules.module import register_module_forward_hook

_DENOISERS = ("UNet2DConditionModel", "Transformer2DModel")
_VAES = ("AutoencoderKL", "AutoencoderKLFlux2", "AutoencoderKLQwenImage")
_SETTINGS = ("lr", "betas", "eps", "weight_decay")
_TIMESTEPS = 1000


@dataclass
class Training:
    """Predictions, clipped gradients and losses by step; the weights before it; the optimizer's settings."""

    predictions: list[Tensor] = field(default_factory=list)
    gradients: list[list[Tensor]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    start: list[Tensor] = field(default_factory=list)
    settings: set[tuple[Any, ...]] = field(default_factory=set)


@dataclass
class Draws:
    """Pixels, the VAE's noise, the noise, the places in the schedule, the captions, in the script's order."""

    pixels: list[Tensor] = field(default_factory=list)
    posterior: list[Tensor] = field(default_factory=list)
    noise: list[Tensor] = field(default_factory=list)
    places: list[Tensor] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)


@contextmanager
def watched() -> Iterator[Training]:
    """The context in which a training's predictions and gradients are recorded."""
    seen, step = Training(), torch.optim.AdamW.step

    def on_forward(module: Any, arguments: Any, output: Any) -> None:
        if type(module).__name__.endswith(_DENOISERS):
            first = output[0]
            rows = torch.stack(list(first)) if isinstance(first, list) else first
            seen.predictions.append(rows.detach().clone())

    def on_step(optimizer: Any, *arguments: Any, **options: Any) -> Any:
        parameters = [each for group in optimizer.param_groups for each in group["params"]]
        if not seen.start:
            seen.start = [each.detach().clone() for each in parameters]
        seen.settings |= {tuple(group[name] for name in _SETTINGS) for group in optimizer.param_groups}
        # A parameter without a gradient has none on the other side.
        seen.gradients.append([p.grad.detach().clone() for p in parameters if p.grad is not None])
        return step(optimizer, *arguments, **options)

    hook = register_module_forward_hook(on_forward)
    try:
        with patch.object(torch.optim.AdamW, "step", on_step):
            yield seen
    finally:
        hook.remove()


def run_script(script: Path, arguments: list[str]) -> tuple[Training, Draws]:
    """Run a script as Python does, and return what it drew and computed."""
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(True)  # of the script before
    draws = Draws()
    with ExitStack() as stack:
        seen = stack.enter_context(watched())
        stack.enter_context(_recorded(draws, seen))
        stack.enter_context(patch.object(sys, "argv", [str(script), *arguments]))
        stack.enter_context(patch.object(sys, "path", [str(script.parent), *sys.path]))
        runpy.run_path(str(script), run_name="__main__")
    return seen, draws


@contextmanager
def _recorded(draws: Draws, seen: Training) -> Iterator[None]:
    """The context in which every draw of a script is recorded, and every loss."""
    import accelerate
    import diffusers
    from diffusers import training_utils
    from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
    from transformers.integrations import peft

    def sample(posterior: Any, generator: Any = None) -> Tensor:
        noise = torch.randn(posterior.mean.shape)
        draws.posterior.append(noise)
        drawn: Tensor = posterior.mean + posterior.std * noise
        return drawn

    def backward(accelerator: Any, loss: Tensor, **options: Any) -> None:
        seen.losses.append(float(loss))
        loss.backward(**options)

    def encoding(function: Any) -> Any:
        def encode(vae: Any, pixels: Tensor, *arguments: Any, **options: Any) -> Any:
            draws.pixels.append(pixels.detach().clone())
            return function(vae, pixels, *arguments, **options)

        return encode

    name = "compute_density_for_timestep_sampling"
    changes: list[tuple[Any, str, Any]] = [
        (DiagonalGaussianDistribution, "sample", sample),
        (accelerate.Accelerator, "backward", backward),
        (training_utils, name, _kept(getattr(training_utils, name), draws.places)),
        (torch, "randn_like", _kept(torch.randn_like, draws.noise)),
        (torch, "randint", _kept(torch.randint, draws.places, lambda *given: _TIMESTEPS in given[1:2])),
        (random, "choice", _kept(random.choice, draws.captions, lambda among: "{}" in str(among[0]))),
        # transformers asks for a peft that may not be released yet, to train a text encoder's adapters.
        (peft, "check_peft_version", lambda *_, **__: None),
        *((getattr(diffusers, vae), "encode", encoding(getattr(diffusers, vae).encode)) for vae in _VAES),
    ]
    with ExitStack() as stack:
        for owner, attribute, value in changes:
            stack.enter_context(patch.object(owner, attribute, value))
        yield


def _kept(function: Any, results: list[Any], wanted: Callable[..., bool] = lambda *_: True) -> Any:
    """Return a function that also keeps its results, of the calls that are wanted."""

    def keeping(*arguments: Any, **options: Any) -> Any:
        result = function(*arguments, **options)
        if wanted(*arguments):
            results.append(result.detach().clone() if isinstance(result, Tensor) else result)
        return result

    return keeping
