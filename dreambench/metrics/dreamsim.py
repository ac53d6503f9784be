"""DreamSim: the perceptual distance of a generated image to the photos of its subject."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from dreambench.errors import DreambenchError
from dreambench.metrics.image_similarity import PhotoSimilarity
from dreambench.spec.metric import WeightsFile
from dreambench.spec.protocol_spec import EncoderSpec, ProtocolSpec

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class DreamSimSpec(EncoderSpec):
    """Which model of the package to use; the package downloads the weights itself.

    Not ``synclr_vitb16``: the package reads its file as a pickle, which may run code.
    """

    model: Literal["ensemble", "dino_vitb16", "dinov2_vitb14", "clip_vitb32", "open_clip_vitb32"] = "ensemble"
    weights: Literal["hub"] = "hub"


class DreamSim(PhotoSimilarity):
    """Mean of 1 - cosine of DreamSim's embeddings with those of the subject's photos; 0: the same image."""

    title = "DreamSim"
    definition = (
        "perceptual distance of generated images to the subject's real photos, by DreamSim embeddings"
    )
    source = "Fu et al. 2023 (DreamSim)"
    encoder = "dreamsim"
    licence = "MIT (DreamSim)"
    agreement = "96.2% of the triplets of NIGHTS' test set (its authors' figure); not measured here"
    Settings = DreamSimSpec
    higher_is_better = False
    distance = True
    range = (0.0, 2.0)
    rank = 13

    def signature(self, protocol: ProtocolSpec) -> Mapping[str, str]:
        """Return the model and the package's version, which decides what its weights are."""
        spec = self.settings(protocol)
        return {"dreamsim": f"{spec.model}/{spec.fingerprint}" if spec.fingerprint else spec.model}

    def check(self, settings: Any) -> None:
        """Raise DreambenchError if the package is not installed."""
        if importlib.util.find_spec("dreamsim") is None:
            raise DreambenchError(
                "the metric dreamsim needs the package dreamsim, which is not installed",
                "pip install 'dreambench[dreamsim]', or omit it from --metrics",
            )

    def version(self, settings: Any) -> str | None:
        """Return the installed package's version."""
        return importlib.metadata.version("dreamsim")

    def load_encoder(self, settings: DreamSimSpec, device: str | torch.device) -> Any:
        """Load the model with the package."""
        from dreambench.models.encoders.dreamsim_encoder import load_dreamsim

        return load_dreamsim(settings.model, device)

    def download(self, settings: DreamSimSpec) -> WeightsFile:
        """Return what the package downloads."""
        from dreambench.models.encoders.dreamsim_encoder import DreamSimWeights

        return DreamSimWeights(settings.model)

    def score(self, images: Tensor, references: Tensor) -> list[float]:
        """Return the mean distance, in [0, 2], of each of n images [n, d] to m photos [m, d]."""
        return [1 - value for value in super().score(images, references)]

    def photo_pairs(self, photos: Tensor) -> list[tuple[int, int, float]]:
        """Return (i, j, distance) for all pairs i < j of a subject's photos: the Real Images row."""
        return [(i, j, 1 - value) for i, j, value in super().photo_pairs(photos)]
