"""DreamSim by its own package: an embedding whose cosine distance was fitted to people's judgments."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from dreambench.errors import DreambenchError
from dreambench.models.encoders.image_encoder import ImageEncoder
from dreambench.paths import cache_folder


class DreamSimEncoder(ImageEncoder):
    """DreamSim's model and its transform: the image squeezed to 224 pixels a side, bicubic, in [0, 1].

    The model normalizes for each of its networks.
    """

    def __init__(self, model: Any, transform: Callable[[Image.Image], Tensor], device: torch.device) -> None:
        super().__init__(model, lambda image: transform(image)[0], 224, device)

    def _embed(self, batch: Tensor) -> Tensor:
        rows: Tensor = self.model.embed(batch)
        return rows


@dataclass(frozen=True)
class DreamSimWeights:
    """The files of one of the package's models, in its own layout."""

    model: str

    def __str__(self) -> str:
        return f"the checkpoint {self.model} of the package dreamsim (GitHub)"

    @property
    def folder(self) -> Path:
        """Where the package keeps its files: ``dreamsim`` in dreambench's cache."""
        return cache_folder() / "dreamsim"

    def cached(self) -> Path | None:
        """Return the folder of the fine-tuned weights where it is there."""
        own = self.folder / ("ensemble_lora" if self.model == "ensemble" else f"{self.model}_single_lora")
        return own if own.is_dir() else None


def load_dreamsim(model: str, device: str | torch.device) -> DreamSimEncoder:
    """Load one of DreamSim's models; the package downloads what is not in ``DreamSimWeights.folder``.

    Its files are the package's, which reads tensors from pickles and nothing else; for DINO it also fetches
    that model's code by torch.hub. Raises DreambenchError where that fails.
    """
    from dreamsim import dreamsim

    weights, hub = DreamSimWeights(model), torch.hub.get_dir()
    weights.folder.parent.mkdir(parents=True, exist_ok=True)
    place = torch.device(device)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # it prints, and stdout may be JSON
            loaded, transform = dreamsim(
                pretrained=True, device=str(place), cache_dir=str(weights.folder), dreamsim_type=model
            )
    except Exception as error:  # the network's, zipfile's, torch's and peft's alike
        raise DreambenchError(
            f"protocol.encoders.dreamsim.model={model}: dreamsim cannot load it "
            f"({type(error).__name__}: {' '.join(str(error).split())[:120]})",
            f"let it download where there is a network, copy {weights.folder} here, or leave dreamsim out",
        ) from error
    finally:
        torch.hub.set_dir(hub)  # it moves torch's cache, where LPIPS's weights are
    return DreamSimEncoder(loaded, transform, place)
