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
from dreambench.models.families.conditioning import Conditioning, count_rows, repeat_each
from dreambench.models.families.family import Family, Noisy
from dreambench.models.quantized import require_8bit_adam

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
        torch.nn.utils.clip_grad_norm_(parameters, options.max_grad_norm)
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

    ``conditioning()`` returns 1 or 2 rows: the photo caption's, then the class caption's; or those of one
    caption for each row of the batch. ``base_prediction``, instead of ``class_images``, returns what the
    frozen model predicts for noisy latents with the class caption: the class term then is the distance from
    that. ``image_size`` is the side of the images in pixels.
    ``generator`` is the only source of randomness. It is on the CPU, so draws do not depend on the device.
    """

    denoiser: Any
    family: Family
    schedule: Any
    conditioning: Callable[[], Conditioning]
    photos: Posteriors
    class_images: Posteriors | None
    batch_size: int
    prior_preservation_weight: float
    generator: torch.Generator
    runtime: Runtime
    image_size: int
    base_prediction: Callable[[Noisy], torch.Tensor] | None = None

    def __post_init__(self) -> None:
        self._photo_order = ShuffledIndices(len(self.photos), self.generator)
        self._class_order = ShuffledIndices(len(self.class_images or ()), self.generator)

    def terms(self) -> LossTerms:
        """Draw a batch, run one forward pass on both of its parts, and return the loss's terms."""
        noisy = self.family.corrupt(self.schedule, self.draw_latents(), self.generator)
        noisy = noisy.to(self.runtime.move)
        if self.base_prediction is not None:
            # The same noisy photos once more, with the class caption: there the model must not move.
            noisy = noisy.again(self.base_prediction(noisy).float())
        with self.runtime.training():
            rows = self.conditioning()
            conditioning = repeat_each(rows, len(noisy.latents) // count_rows(rows))
            prediction = self.family.predict(self.denoiser, noisy, conditioning, self.image_size)
        return dreambooth_loss(
            prediction, noisy.target, self.batch_size, self.prior_preservation_weight, noisy.weight
        )

    def draw_latents(self) -> torch.Tensor:
        """Draw the step's latents [b or 2b, c, h, w]: those of photos, then those of class images."""
        latents = self.photos.draw(self._photo_order.draw(self.batch_size), self.generator)
        if self.class_images is None:
            return latents
        prior = self.class_images.draw(self._class_order.draw(self.batch_size), self.generator)
        return torch.cat([latents, prior])


def dreambooth_loss(
    prediction: torch.Tensor,
    target: torch.Tensor,
    photos: int,
    prior_preservation_weight: float,
    weight: torch.Tensor | None = None,
) -> LossTerms:
    """Return the photo term, the class term, and ``photo + lambda * class`` (paper, equation 2).

    ``prediction`` and ``target`` are [b, c, h, w]; the first ``photos`` rows belong to photos, the rest
    to class images. Each term is the mean squared error over its own rows, in float32, each row's times its
    ``weight`` [b, 1, 1, 1] (None: 1).
    """
    prediction, target = prediction.float(), target.float()
    if weight is not None:  # the error times the weight's root, squared
        prediction, target = prediction * weight.sqrt(), target * weight.sqrt()
    photo = F.mse_loss(prediction[:photos], target[:photos])
    if prediction.shape[0] == photos:
        return LossTerms(photo, None, photo)
    prior = F.mse_loss(prediction[photos:], target[photos:])
    return LossTerms(photo, prior, photo + prior_preservation_weight * prior)


def make_optimizer(parameters: Sequence[Any], options: FineTuneOptions, runtime: Runtime) -> Any:
    """Return AdamW, fused where the device supports it, or bitsandbytes' 8-bit AdamW."""
    common: dict[str, Any] = {
        "lr": options.learning_rate,
        "betas": (options.adam_beta1, options.adam_beta2),
        "eps": options.adam_epsilon,
        "weight_decay": options.weight_decay,
    }
    if options.optimizer == "adamw":
        fused = runtime.spec.fused_optimizer and runtime.device.type in ("cuda", "cpu")
        return torch.optim.AdamW(parameters, fused=fused, **common)
    require_8bit_adam(runtime.device)
    from bitsandbytes.optim import AdamW8bit

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
