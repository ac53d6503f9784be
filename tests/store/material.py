"""A record, pictures of noise, and listings of folders for the tests of the store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from dreambench.spec.presets import build_spec
from dreambench.store import RunRecord


def record(*overrides: str, kind: str = "run", source: str | None = None) -> RunRecord:
    spec = build_spec("paper-sd15", {}, overrides)
    return RunRecord(
        kind=kind, name="a run", key=spec.key, spec=spec, subjects={"dog": "dog"}, photos={}, source=source
    )


def picture(seed: int, size: int = 16) -> Image.Image:
    """Return an image of noise: PNG cannot make it smaller."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8))


def pictures(folder: Path, count: int = 4, size: int = 16, first: int = 0) -> dict[Path, Image.Image]:
    return {folder / f"{i:02d}-0.png": picture(i, size) for i in range(first, first + count)}


def everything(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*")}


def same(file: Path, image: Image.Image) -> bool:
    return np.array_equal(np.asarray(Image.open(file)), np.asarray(image))
