"""How fast the miniature's world is drawn: images a second on one core, for each class and overall."""

from __future__ import annotations

import argparse
import time

import numpy as np

from miniature.world import CLASS_NOUNS, render, sample_scene


def measure(noun: str | None, images: int, seed: int) -> float:
    """Return rendered images a second of processor time; the scenes are drawn beforehand."""
    rng = np.random.default_rng(seed)
    scenes = [sample_scene(rng, noun) for _ in range(images)]
    started = time.process_time()
    for scene in scenes:
        render(scene)
    return images / (time.process_time() - started)


def main() -> None:
    """Print the speeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200, help="images a class")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for noun in CLASS_NOUNS:
        print(f"{noun:16s} {measure(noun, options.images, options.seed):7.0f} images/s")
    print(f"{'all classes':16s} {measure(None, 5 * options.images, options.seed):7.0f} images/s")


if __name__ == "__main__":
    main()
