"""The training step: draw latents, add noise, predict, weigh both terms, clip, update (paper, equation 2)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from dreambench.errors import DreambenchError
from dreambench.methods.finetune.finetune_options import FineTuneOptions
from dreambench.methods.finetune.latents import Posteriors, ShuffledIndices
from dreambench.methods.method import LossRow
from dreambench.models.device import Runtime
from dreambench.models.schedulers import Parameterization

_CHECK_EVERY = 50


class LossTerms(NamedTuple):
    """The scalar terms of a step's loss; ``prior`` is None without prior preservation."""

    photo: torch.Tensor
    prior: torch.Tensor | None
    total: torch.Tensor


def optimize(
    parameters: Sequence[torch.nn.Parameter],
    loss: DenoisingLoss,
    options: FineTuneOptions,
    subject: str,
    on_step: Callable[[int, int], None],
) -> list[LossRow]:
    """Take ``options.steps`` optimizer steps on ``loss`` and return the losses of every step.

    With ``options.ema`` the parameters end as their exponential moving average. Raises DreambenchError
    if the loss is not finite.
    """
    runtime = loss.runtime
    optimizer = make_optimizer(parameters, options, runtime)
    warmup = max(options.warmup_steps, 1)
    scaler = torch.amp.GradScaler(runtime.device.type, enabled=runtime.dtype == torch.float16)
    average = _moving_average(parameters, options)
    pending: list[LossTerms] = []
    rows: list[LossRow] = []
    for step in range(1, options.steps + 1):
        # By hand: in some releases of torch, a scheduler and its optimizer keep each other alive.
        for group in optimizer.param_groups:
            group["lr"] = options.learning_rate * min(1.0, step / warmup)
        terms = loss.terms()
        scaler.scale(terms.total).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(parameters, options.max_grad_norm, foreach=True)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
        if average is not None:
            average.step(parameters)
        pending.append(LossTerms(*(None if t is None else t.detach() for t in terms)))  # type: ignore[arg-type]
        if step % _CHECK_EVERY == 0 or step == options.steps:
            # Reading a loss waits for the device, so many steps are read at once.
            rows += _loss_rows(pending, len(rows), subject)
            pending.clear()
        on_step(step, options.steps)
    if average is not None:
        average.copy_to(parameters)
    # Adam's state is twice the weights (8 GB for Stable Diffusion 1.5). torch's first step leaves frames
    # behind that hold the optimizer until the garbage collector runs; by then the next subject may train.
    optimizer.state.clear()
    optimizer.param_groups.clear()
    return rows


@dataclass
class DenoisingLoss:
    """The denoising loss on photos and, with prior preservation, on class images.

    ``text_states()`` returns [1 or 2, tokens, d]: the photo caption's states, then the class caption's; or
    those of one caption for each row of the batch. ``base_prediction``, instead of ``class_images``, returns
    what the frozen model predicts for noisy latents at timesteps with the class caption: the class term then
    is the distance from that.
    ``generator`` is the only source of randomness. It is on the CPU, so draws do not depend on the device.
    """

    unet: Any
    schedule: Any
    parameterization: Parameterization
    text_states: Callable[[], torch.Tensor]
    photos: Posteriors
    class_images: Posteriors | None
    batch_size: int
    prior_preservation_weight: float
    generator: torch.Generator
    runtime: Runtime
    base_prediction: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None

    def __post_init__(self) -> None:
        self._photo_order = ShuffledIndices(len(self.photos), self.generator)
        self._class_order = ShuffledIndices(len(self.class_images or ()), self.generator)

    def terms(self) -> LossTerms:
        """Draw a batch, run one forward pass on both of its parts, and return the loss's terms."""
        latents = self.draw_latents()
        noise = torch.randn(latents.shape, generator=self.generator)
        count = int(self.schedule.config.num_train_timesteps)
        timesteps = torch.randint(0, count, (latents.shape[0],), generator=self.generator)
        noisy = self.runtime.move(self.schedule.add_noise(latents, noise, timesteps))
        target = prediction_target(self.schedule, self.parameterization, latents, noise, timesteps)
        target, timesteps = self.runtime.move(target), self.runtime.move(timesteps)
        if self.base_prediction is not None:
            # The same noisy photos once more, with the class caption: there the model must not move.
            kept = self.base_prediction(noisy, timesteps).float()
            noisy, timesteps = noisy.repeat(2, 1, 1, 1), timesteps.repeat(2)
            target = torch.cat([target, kept])
        with self.runtime.training():
            states = self.text_states()
            states = states.repeat_interleave(len(noisy) // len(states), dim=0)
            prediction = self.unet(noisy, timesteps, states, return_dict=False)[0]
        return dreambooth_loss(prediction, target, self.batch_size, self.prior_preservation_weight)

    def draw_latents(self) -> torch.Tensor:
        """Draw the step's latents [b or 2b, c, h, w]: those of photos, then those of class images."""
        latents = self.photos.draw(self._photo_order.draw(self.batch_size), self.generator)
        if self.class_images is None:
            return latents
        prior = self.class_images.draw(self._class_order.draw(self.batch_size), self.generator)
        return torch.cat([latents, prior])


def prediction_target(
    schedule: Any,
    parameterization: Parameterization,
    latents: torch.Tensor,
    noise: torch.Tensor,
    timesteps: torch.Tensor,
) -> torch.Tensor:
    """Return what the model should predict for noisy latents [b, c, h, w] at integer timesteps [b].

    epsilon: the noise; v: ``alpha_t noise - sigma_t latents`` (Salimans & Ho 2022). Either way the MSE
    equals the paper's on ``x`` up to its weight ``w_t``.
    """
    if parameterization == "epsilon":
        return noise
    velocity: torch.Tensor = schedule.get_velocity(latents, noise, timesteps)
    return velocity


def dreambooth_loss(
    prediction: torch.Tensor, target: torch.Tensor, photos: int, prior_preservation_weight: float
) -> LossTerms:
    """Return the photo term, the class term, and ``photo + lambda * class`` (paper, equation 2).

    ``prediction`` and ``target`` are [b, c, h, w]; the first ``photos`` rows belong to photos, the rest
    to class images. Each term is the mean squared error over its own rows, in float32.
    """
    prediction, target = prediction.float(), target.float()
    photo = F.mse_loss(prediction[:photos], target[:photos])
    if prediction.shape[0] == photos:
        return LossTerms(photo, None, photo)
    prior = F.mse_loss(prediction[photos:], target[photos:])
    return LossTerms(photo, prior, photo + prior_preservation_weight * prior)


def make_optimizer(parameters: Sequence[Any], options: FineTuneOptions, runtime: Runtime) -> Any:
    """Return AdamW, fused where the device supports it, or bitsandbytes' 8-bit AdamW.

    Raises DreambenchError if 8-bit AdamW is asked for without CUDA or without bitsandbytes.
    """
    common: dict[str, Any] = {
        "lr": options.learning_rate,
        "betas": (options.adam_beta1, options.adam_beta2),
        "eps": options.adam_epsilon,
        "weight_decay": options.weight_decay,
    }
    if options.optimizer == "adamw":
        fused = runtime.spec.fused_optimizer and runtime.device.type in ("cuda", "cpu")
        return torch.optim.AdamW(parameters, fused=fused, **common)
    if runtime.device.type != "cuda":
        raise DreambenchError("method.optimizer=adamw8bit needs a CUDA device", "use method.optimizer=adamw")
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError as error:
        raise DreambenchError(
            "method.optimizer=adamw8bit needs bitsandbytes", "pip install bitsandbytes"
        ) from error
    return AdamW8bit(parameters, **common)


def _moving_average(parameters: Sequence[torch.nn.Parameter], options: FineTuneOptions) -> Any | None:
    """Return diffusers' exponential moving average of ``parameters``; None without ``options.ema``."""
    if not options.ema:
        return None
    from diffusers.training_utils import EMAModel

    return EMAModel(parameters, decay=options.ema_decay)


def _loss_rows(pending: Sequence[LossTerms], before: int, subject: str) -> list[LossRow]:
    rows = []
    for offset, terms in enumerate(pending, start=1):
        prior = math.nan if terms.prior is None else float(terms.prior)
        row = LossRow(before + offset, float(terms.photo), prior, float(terms.total))
        if not math.isfinite(row.total):
            raise DreambenchError(
                f"training {subject} diverged: the loss is {row.total} at step {row.step}",
                "lower method.learning_rate, or use runtime.precision=bf16 or fp32",
            )
        rows.append(row)
    return rows
