"""DreamBooth's loss: a photo term and a class term (paper, equation 2)."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from dreambench.models.schedulers import Parameterization


class LossTerms(NamedTuple):
    """The scalar terms of a step's loss; ``prior`` is None without prior preservation."""

    photo: torch.Tensor
    prior: torch.Tensor | None
    total: torch.Tensor


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
