"""CLIP-I and DINO of one subject by dreambench beside ImagenHub's own functions, with the same encoders.

ImagenHub compares one image with one photo, and embeds both each time. The module is not part of this
repository: give the path of ``src/imagen_hub/metrics/dreambooth_metric.py`` in a checkout of ImagenHub. Both
sides use ViT-B/32 and ViT-S/16 in full size with random weights: time does not depend on their values. Both
read the same PNG files, and their scores must agree.

Run: ``python benchmarks/against_imagenhub.py MODULE [--images N] [--photos N] [--threads N]``.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.scoring_speed import ScoredFiles

BAR = 15.0


class PeerEncoder:
    """One of our encoders in the form that ImagenHub's functions ask for."""

    def __init__(self, encoder: Any) -> None:
        self.encoder = encoder

    def get_transform(self) -> Any:
        """Return the transform of an image."""
        return self.encoder.transform

    def get_embeddings(self, batch: torch.Tensor) -> torch.Tensor:
        """Return DINO's embeddings."""
        rows: torch.Tensor = self.encoder._embed(batch)
        return rows

    encode_image = get_embeddings


def read_module(file: Path) -> ModuleType:
    """Import a module from its file, without the package that it belongs to."""
    spec = importlib.util.spec_from_file_location("imagenhub_metric", file)
    if spec is None or spec.loader is None:
        sys.exit(f"{file} is no Python module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def theirs(peer: ModuleType, files: ScoredFiles) -> dict[str, float]:
    """Return the mean over all (image, photo) pairs by ImagenHub's functions."""
    dino, clip = PeerEncoder(files.dino), PeerEncoder(files.clip)
    photos = [Image.open(file).convert("RGB") for file in files.photos]
    scores: dict[str, list[float]] = {"dino": [], "clip_i": []}
    for file in files.images:
        image = Image.open(file).convert("RGB")
        for photo in photos:
            scores["dino"].append(float(peer.evaluate_dino_score(photo, image, dino, "cpu")))
            scores["clip_i"].append(float(peer.evaluate_clipi_score(photo, image, clip, "cpu")))
    return {name: float(np.mean(values)) for name, values in scores.items()}


def ours(files: ScoredFiles) -> dict[str, float]:
    """Return the mean over all images by dreambench, with its tables and hashes written."""
    table = pd.read_parquet(files.score().score_file("images"))
    return {name: float(table[name].mean()) for name in ("dino", "clip_i")}


def main() -> int:
    """Measure both in turn, check that they agree, and print the ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("module", type=Path, help="dreambooth_metric.py of ImagenHub")
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--photos", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    peer = read_module(options.module)
    seconds: dict[str, list[float]] = {"dreambench": [], "ImagenHub": []}
    with tempfile.TemporaryDirectory() as folder:
        files = ScoredFiles(Path(folder), options.images, options.photos, 512)
        files.bare([*files.photos, *files.images][:2])
        for _ in range(options.rounds):
            began = time.process_time()
            mine = ours(files)
            between = time.process_time()
            other = theirs(peer, files)
            seconds["dreambench"].append(between - began)
            seconds["ImagenHub"].append(time.process_time() - between)
    for name, value in mine.items():
        print(f"{name:12} {value:.6f} and {other[name]:.6f}, {abs(value - other[name]):.1e} apart")
    least = {name: min(values) for name, values in seconds.items()}
    for name, taken in least.items():
        print(f"{name:12} {taken:8.2f} CPU s for {options.images} images and {options.photos} photos")
    ratio = least["ImagenHub"] / least["dreambench"]
    print(f"ratio        {ratio:8.2f} (bar: {BAR:.0f})")
    return 0 if ratio >= BAR and all(abs(v - other[n]) < 1e-4 for n, v in mine.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
