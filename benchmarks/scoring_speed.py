"""What scoring costs, against one bare forward pass per image and encoder: ratios of one run.

    python benchmarks/scoring_speed.py [--images 100] [--photos 5] [--size 512] [--repeats 3] [--threads 0]

The encoders are the protocol's own architectures in full size, ViT-B-32-quickgelu and
vit_small_patch16_224.dino, with random weights: time does not depend on their values. Nobody's loading of
weights is timed. The measured ways to CLIP-I and DINO of the same PNG files are

- bare: decode an image, preprocess it and run it through each encoder, one image at a time. No similarity
  is computed and nothing is kept;
- bare, in batches of 32: the same, the forward passes batched;
- score_images: the whole scoring, with hashing, similarity tables and the files it keeps;
- score_images again: a second scoring of the same images;
- pairwise re-encoding: decode and encode both images of every (image, photo) pair and of every pair of
  photos, as existing tools do. Measured on a part of the pairs and scaled.

Times are wall-clock, the least of the repeats: on a shared machine everything else is somebody else's
work. The goal is score_images / bare <= 1.15. Exit code 1 where it is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from dreambench.metrics.scoring import BenchmarkImage, SubjectImages, score_images  # noqa: E402
from dreambench.models.device import resolve_runtime  # noqa: E402
from dreambench.models.encoders.clip_encoder import load_clip  # noqa: E402
from dreambench.models.encoders.dino_encoder import load_dino  # noqa: E402
from dreambench.models.weights import with_fingerprints  # noqa: E402
from dreambench.spec.presets import build_spec  # noqa: E402
from dreambench.spec.protocol_spec import ClipSpec, DinoSpec, ProtocolSpec  # noqa: E402
from dreambench.spec.run_spec import RuntimeSpec  # noqa: E402
from dreambench.store import RunFolder, RunRecord  # noqa: E402
from tests.material import tiny_encoders  # noqa: E402

GOAL = 1.15
BATCH = 32
PAIRS_MEASURED = 20


class ScoredFiles:
    """The files, the two encoders, and the ways to embed the files."""

    def __init__(self, folder: Path, images: int, photos: int, size: int) -> None:
        self.folder = folder
        self.images = [draw_file(folder / f"{i:03d}.png", i, size) for i in range(images)]
        self.photos = [draw_file(folder / f"photo-{i}.png", 1000 + i, size) for i in range(photos)]
        clip_model, clip_file = tiny_encoders.build_full_clip(folder)
        dino_model, dino_file = tiny_encoders.build_full_dino(folder)
        protocol = ProtocolSpec(
            metrics=("dino", "clip_i"),
            clip=ClipSpec(model=clip_model, weights=str(clip_file)),
            dino=DinoSpec(model=dino_model, weights=str(dino_file)),
        )
        self.protocol = with_fingerprints(protocol)
        self.clip = load_clip(self.protocol.clip, "cpu")
        self.dino = load_dino(self.protocol.dino, "cpu")
        self.runs = 0

    def bare(self, files: Sequence[Path], batch: int = 1) -> None:
        """Decode, preprocess and forward, with nothing around it."""
        with torch.inference_mode():
            for start in range(0, len(files), batch):
                decoded = [Image.open(file).convert("RGB") for file in files[start : start + batch]]
                self.clip.model.encode_image(torch.stack([self.clip.transform(image) for image in decoded]))
                self.dino.model(torch.stack([self.dino.transform(image) for image in decoded]))

    def score(self, run: RunFolder | None = None) -> RunFolder:
        """Score all images by ``score_images`` into a new run folder, or again into an old one."""
        if run is None:
            self.runs += 1
            run = new_run(self.folder / f"run{self.runs}")
        cells = [
            BenchmarkImage(
                "dog", "dog", "live", i // 4, "a sks dog", "a dog", "recontextualization", i % 4, i, file
            )
            for i, file in enumerate(self.images)
        ]
        with (
            patch("dreambench.models.encoders.clip_encoder.load_clip", lambda *_: self.clip),
            patch("dreambench.models.encoders.dino_encoder.load_dino", lambda *_: self.dino),
        ):
            score_images(
                run,
                {"dog": SubjectImages(cells, self.photos)},
                self.protocol,
                device="cpu",
                batch_size=BATCH,
                decode_threads=resolve_runtime(RuntimeSpec()).decode_threads(),
            )
        return run

    def pairs(self) -> list[tuple[Path, Path]]:
        """Return all pairs that CLIP-I, DINO and the Real Images row compare."""
        return [(i, p) for i in self.images for p in self.photos] + list(combinations(self.photos, 2))


def new_run(folder: Path) -> RunFolder:
    """Return a run folder with a log that is not written: the paper's setting, and no subjects."""
    spec = build_spec("paper-sd15", {}, [])
    return RunFolder(folder, RunRecord(name="benchmark", key=spec.key, spec=spec, subjects={}, photos={}))


def draw_file(file: Path, seed: int, size: int) -> Path:
    """Save a PNG of smooth colors with fine grain: about as heavy to decode as a photo."""
    dice = np.random.default_rng(seed)
    coarse = Image.fromarray(dice.integers(0, 256, (12, 12, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC), dtype=np.int16)
    grain = dice.integers(-6, 7, smooth.shape, dtype=np.int16)
    Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(file)
    return file


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> int:
    """Measure, print the table, and say whether the goal is met."""
    parser = argparse.ArgumentParser(description="What scoring costs, against bare forward passes.")
    defaults = {"images": 100, "photos": 5, "size": 512, "repeats": 3, "threads": 0}
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        bench = ScoredFiles(Path(folder), options.images, options.photos, options.size)
        files = [*bench.photos, *bench.images]
        bench.bare(files[:2])
        bench.bare(files[:BATCH], BATCH)
        times: dict[str, list[float]] = {}
        all_pairs = bench.pairs()
        part = all_pairs[:: max(1, len(all_pairs) // PAIRS_MEASURED)]
        for _ in range(options.repeats):
            runs: list[RunFolder] = []
            once = {
                "bare": _seconds(lambda: bench.bare(files)),
                "score_images": _seconds(lambda runs=runs: runs.append(bench.score())),  # type: ignore[misc]
                "bare, in batches of 32": _seconds(lambda: bench.bare(files, BATCH)),
                "score_images again": _seconds(lambda runs=runs: bench.score(runs[0])),  # type: ignore[misc]
                "pairwise re-encoding": _seconds(lambda: [bench.bare(pair) for pair in part])
                * (len(all_pairs) / len(part)),
            }
            for name, seconds in once.items():
                times.setdefault(name, []).append(seconds)
    least = {name: min(values) for name, values in times.items()}
    print(f"{options.images} images, {options.photos} photos of {options.size} px; ", end="")
    print(f"torch uses {torch.get_num_threads()} threads; least of {options.repeats}")
    print(f"{'':24}{'seconds':>9}{'/ bare':>9}{'/ in batches':>14}")
    for name, value in least.items():
        to_bare, to_batched = value / least["bare"], value / least["bare, in batches of 32"]
        print(f"{name:24}{value:9.2f}{to_bare:9.3f}{to_batched:14.3f}")
    ratio = least["score_images"] / least["bare"]
    print(f"score_images / bare = {ratio:.3f}, goal <= {GOAL}: {'met' if ratio <= GOAL else 'MISSED'}")
    return 0 if ratio <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
