"""The optimization loop that every training method shares."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from dreambench.errors import DreambenchError
from dreambench.methods.finetune.finetune_options import FineTuneOptions
from dreambench.methods.finetune.objective import LossTerms
from dreambench.methods.method import LossRow
from dreambench.models.device import Runtime

_LOOK_EVERY = 50


def make_optimizer(parameters: Sequence[Any], options: FineTuneOptions, runtime: Runtime) -> Any:
    """Return AdamW, fused where the device has it, or bitsandbytes' 8-bit AdamW."""
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


def optimize(
    parameters: Sequence[torch.nn.Parameter],
    step_terms: Callable[[], LossTerms],
    options: FineTuneOptions,
    runtime: Runtime,
    subject: str,
    on_step: Callable[[int, int], None],
) -> list[LossRow]:
    """Take ``options.steps`` optimizer steps on the loss that ``step_terms`` draws; return every step's loss.

    With ``options.ema`` the parameters end as their exponential moving average. Raises DreambenchError
    where the loss is not finite any more.
    """
    optimizer = make_optimizer(parameters, options, runtime)
    warmup = max(options.warmup_steps, 1)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / warmup))
    scaler = torch.amp.GradScaler(runtime.device.type, enabled=runtime.dtype == torch.float16)
    average = _moving_average(parameters, options)
    pending: list[LossTerms] = []
    rows: list[LossRow] = []
    for step in range(1, options.steps + 1):
        terms = step_terms()
        scaler.scale(terms.total).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(parameters, options.max_grad_norm, foreach=True)
        scaler.step(optimizer)
        scaler.update()
        rate.step()
        optimizer.zero_grad(set_to_none=True)
        if average is not None:
            average.step(parameters)
        pending.append(LossTerms(*(None if t is None else t.detach() for t in terms)))  # type: ignore[arg-type]
        if step % _LOOK_EVERY == 0 or step == options.steps:
            # Looking at a loss waits for the device, so it is done for many steps at once.
            rows += _rows(pending, len(rows), subject)
            pending.clear()
        on_step(step, options.steps)
    if average is not None:
        average.copy_to(parameters)
    return rows


def _moving_average(parameters: Sequence[torch.nn.Parameter], options: FineTuneOptions) -> Any:
    if not options.ema:
        return None
    from diffusers.training_utils import EMAModel

    return EMAModel(parameters, decay=options.ema_decay)


def _rows(pending: Sequence[LossTerms], before: int, subject: str) -> list[LossRow]:
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
