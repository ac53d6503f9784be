"""DIV: how much the images of one subject and one prompt differ, by LPIPS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dreambench.errors import DreambenchError
from dreambench.models.encoders.named_weights import lpips_download
from dreambench.spec.metric import Metric, WeightsFile
from dreambench.spec.protocol_spec import LpipsSpec, ProtocolSpec

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from dreambench.models.encoders.lpips_network import LpipsNetwork


class Div(Metric):
    """LPIPS distance between images of the same subject and prompt, all pairs; 0 or more."""

    title = "DIV"
    definition = "LPIPS distance between images of the same subject and prompt"
    source = "Ruiz et al. 2023 (DreamBooth), section 4.3; Zhang et al. 2018 (LPIPS)"
    compares = "pairs"
    encoder = "lpips"
    licence = "BSD-2-Clause (LPIPS)"
    Settings = LpipsSpec
    range = (0.0, float("inf"))
    aggregation = "mean over a prompt's pairs of images, then over a subject's prompts, then over subjects"
    rank = 4
    standard = by_default = True

    @property
    def column(self) -> str:
        """``lpips``: the score table has the distance of each pair."""
        return "lpips"

    def signature(self, protocol: ProtocolSpec) -> Mapping[str, str]:
        """Return the network, the start of the SHA-256 of weights from a file, and the fixed size, if any."""
        lpips = protocol.lpips
        weights = f"/sha256-{lpips.fingerprint[:8]}" if lpips.fingerprint else ""
        return {"lpips": lpips.net + weights + ("" if lpips.size == "native" else f"/resized-{lpips.size}")}

    def pair_size(self, settings: LpipsSpec) -> int | Literal["native"]:
        """Return the size that LPIPS sees."""
        return settings.size

    def load_encoder(self, settings: LpipsSpec, device: str | torch.device) -> LpipsNetwork:
        """Load the network with the lpips library."""
        from dreambench.models.encoders.lpips_network import load_lpips

        return load_lpips(settings, device)

    def download(self, settings: LpipsSpec) -> WeightsFile:
        """Return torchvision's file of the trunk."""
        return lpips_download(settings)

    def distances(
        self, images: Sequence[Tensor], files: Sequence[Path], encoder: LpipsNetwork, batch_size: int
    ) -> dict[tuple[int, int], float]:
        """Return the LPIPS distance of every pair i < j of one group of preprocessed images [3, h, w].

        Each image's features are computed once. Raises DreambenchError naming the two files where images
        differ in size, and the first file where they are too small.
        """
        import torch

        for image, file in zip(images, files, strict=True):
            if image.shape != images[0].shape:
                (h0, w0), (h, w) = images[0].shape[1:], image.shape[1:]
                raise DreambenchError(
                    f"{files[0]} ({w0} x {h0}) and {file} ({w} x {h}) belong to one subject and prompt but "
                    "differ in size",
                    "DIV compares images of equal size: give --set protocol.lpips.size=PIXELS, or omit div "
                    "from --metrics",
                )
        try:
            parts = [encoder.features(batch) for batch in torch.stack(list(images)).split(batch_size)]
        except DreambenchError as error:  # too small, and all are of one size
            raise DreambenchError(f"{files[0]}: {error.message}", error.remedy) from error
        features = [torch.cat(layers) for layers in zip(*parts, strict=True)]
        distances = {}
        # Compares one image with all later ones at a time, so memory grows with the number of images only.
        for i in range(len(images) - 1):
            ours, later = [layer[i : i + 1] for layer in features], [layer[i + 1 :] for layer in features]
            for j, value in enumerate(encoder.distance(ours, later), start=i + 1):
                distances[i, j] = float(value)
        return distances
