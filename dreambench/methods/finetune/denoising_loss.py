"""One training step's data and loss: both terms in one forward pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from dreambench.methods.finetune.latents import Posteriors
from dreambench.methods.finetune.objective import LossTerms, dreambooth_loss, prediction_target
from dreambench.models.device import Runtime
from dreambench.models.schedulers import Parameterization


@dataclass
class ShuffledIndices:
    """Draws image indices without replacement, shuffled anew whenever all have been drawn."""

    size: int
    generator: torch.Generator
    _left: list[int] = field(default_factory=list)

    def draw(self, count: int) -> torch.Tensor:
        """Return the next ``count`` indices as an int64 tensor."""
        drawn = []
        for _ in range(count):
            if not self._left:
                self._left = torch.randperm(self.size, generator=self.generator).tolist()
            drawn.append(self._left.pop())
        return torch.tensor(drawn)


@dataclass
class DenoisingLoss:
    """The denoising loss on photos and, with prior preservation, on class images.

    ``text_states()`` returns [1 or 2, tokens, d]: the photo caption's states, then the class caption's; or
    those of a caption for each row of the batch.
    All randomness comes from ``generator``, on the CPU, so it does not depend on the device.
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

    def __post_init__(self) -> None:
        self._photo_deck = ShuffledIndices(len(self.photos), self.generator)
        self._class_deck = (
            ShuffledIndices(len(self.class_images), self.generator) if self.class_images else None
        )

    def draw_latents(self) -> torch.Tensor:
        """Draw the step's latents [b or 2b, c, h, w]: photos first, then class images."""
        latents = self.photos.draw(self._photo_deck.draw(self.batch_size), self.generator)
        if self.class_images is None or self._class_deck is None:
            return latents
        prior = self.class_images.draw(self._class_deck.draw(self.batch_size), self.generator)
        return torch.cat([latents, prior])

    def terms(self) -> LossTerms:
        """Draw a batch, run one forward pass, and return the loss's terms (paper, equation 2)."""
        device = self.runtime.device
        latents = self.draw_latents()
        noise = torch.randn(latents.shape, generator=self.generator)
        count = int(self.schedule.config.num_train_timesteps)
        timesteps = torch.randint(0, count, (latents.shape[0],), generator=self.generator)
        noisy = self.schedule.add_noise(latents, noise, timesteps).to(device)
        target = prediction_target(self.schedule, self.parameterization, latents, noise, timesteps).to(device)
        with self.runtime.training():
            states = self.text_states()
            states = states.repeat_interleave(len(latents) // len(states), dim=0)
            prediction = self.unet(noisy, timesteps.to(device), states, return_dict=False)[0]
        return dreambooth_loss(prediction, target, self.batch_size, self.prior_preservation_weight)
