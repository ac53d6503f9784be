"""LPIPS by the lpips library: the distance of DIV, with each image's features computed once."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn

from dreambench.errors import DreambenchError
from dreambench.models.encoders.downloads import TorchvisionFile
from dreambench.models.encoders.image_encoder import WithoutRandomWeights, check_image
from dreambench.models.encoders.named_weights import lpips_download
from dreambench.models.encoders.weight_files import checked_file, is_local, load_into, read_tensors
from dreambench.models.exact_float32 import in_float32
from dreambench.spec.protocol_spec import LpipsSpec

Features = list[Tensor]


def image_pixels(image: Image.Image, size: int | Literal["native"] = "native") -> Tensor:
    """Return the uint8 tensor [3, h, w] of one RGB image; raises TypeError otherwise.

    ``size`` is ``native``, or the side in pixels: the short side resized (bicubic), the center cropped.
    """
    if size != "native":
        image = ImageOps.fit(check_image(image), (size, size), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(check_image(image))).permute(2, 0, 1).contiguous()


class LpipsNetwork:
    """LPIPS (Zhang et al. 2018, version 0.1), split into features of one image and a distance of two.

    ``distance(features(a), features(b))`` is the library's own ``forward(a, b)``.
    """

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self.network: Any = network.to(device).float().eval().requires_grad_(False)
        self.device = device

    def features(self, batch: Tensor) -> Features:
        """Return one tensor [n, c, h', w'] per layer, of unit length over c, for uint8 images [n, 3, h, w].

        The library takes images in [-1, 1]: 0 becomes -1 and 255 becomes 1. Raises DreambenchError where
        the images are too small for the network's layers.
        """
        import lpips

        if not isinstance(batch, Tensor) or batch.dtype != torch.uint8:
            raise TypeError("features takes a uint8 tensor of images")
        if batch.ndim != 4 or batch.shape[1] != 3:
            raise ValueError(f"features takes [n, 3, h, w], not {list(batch.shape)}")
        height, width = batch.shape[2:]
        with torch.inference_mode(), in_float32(self.device):
            scaled = self.network.scaling_layer(batch.to(self.device).float() / 127.5 - 1)
            try:
                layers = self.network.net(scaled)
            except RuntimeError as error:
                if "too small" not in str(error) and "greater than actual input" not in str(error):
                    raise
                raise DreambenchError(
                    f"images of {width} x {height} pixels are too small for LPIPS",
                    "use larger images, resize them with --set protocol.lpips.size=64, or leave div out of "
                    "--metrics",
                ) from error
            return [lpips.normalize_tensor(layer) for layer in layers]

    def distance(self, a: Features, b: Features) -> Tensor:
        """Return the distances [n], float32 on the CPU, of two lists of equal shapes."""
        with torch.inference_mode(), in_float32(self.device):
            total = torch.zeros(len(a[0]), device=self.device)
            for linear, ours, theirs in zip(self.network.lins, a, b, strict=True):
                total = total + linear((ours - theirs) ** 2).mean(dim=(2, 3)).squeeze(1)
            return total.float().cpu()


def load_lpips(spec: LpipsSpec, device: str | torch.device) -> LpipsNetwork:
    """Load the LPIPS network of a protocol.

    With ``hub`` the trunk is torchvision's and the linear layers are the library's own. A safetensors
    file holds the whole state dict of ``lpips.LPIPS``, or a trunk alone in torchvision's names
    (``features.0.weight``), which then gets the library's own linear layers.
    """
    network, field = _empty(spec), f"{spec.place}.weights"
    source: Path | TorchvisionFile
    if is_local(spec.weights):
        source = checked_file(spec.weights, spec.fingerprint, field)
        state = read_tensors(source, field)
    else:
        source = lpips_download(spec)
        state = source.tensors()
    what = f"{field}: {source} in LPIPS {spec.net}"
    if any(name.startswith("features.") for name in state):
        _load_trunk(network, state, what)
    else:
        # `lins` repeats lin0, lin1, ...; the scaling layer's two constants are not weights.
        load_into(network, state, what, optional=("lins.", "scaling_layer."))
    return LpipsNetwork(network, torch.device(device))


def _empty(spec: LpipsSpec) -> nn.Module:
    import lpips

    with warnings.catch_warnings(), WithoutRandomWeights():
        warnings.simplefilter("ignore")  # it asks torchvision for the trunk in a deprecated way
        network: nn.Module = lpips.LPIPS(net=spec.net, pnet_rand=True, verbose=False)
    return network


def _load_trunk(network: Any, state: dict[str, Tensor], what: str) -> None:
    """Load torchvision's ``features.N`` into the trunk, whose slices keep torchvision's numbers."""
    names = {name.split(".", 1)[1]: name for name in network.net.state_dict()}
    trunk = {n.removeprefix("features."): t for n, t in state.items() if n.startswith("features.")}
    load_into(network.net, {names.get(n, f"features.{n}"): t for n, t in trunk.items()}, what)
