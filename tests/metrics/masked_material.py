"""Masks of the material to score, and the settings of metrics that use them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dreambench.metrics.masked_dino import CutOutSpec
from dreambench.spec.file_metric import ScoredFile
from tests.metrics.material import Material


def ellipse(image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    return mask


def box_of(name: str, width: int, height: int) -> tuple[int, int, int, int]:
    """Return a box that a name decides; some touch the edge."""
    dice = np.random.default_rng(list(name.encode()))
    left, top = (int(dice.integers(0, side // 2)) for side in (width, height))
    return left, top, left + width // 2 - 3, top + height // 3


@pytest.fixture(scope="module")
def masks(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("masks")
    named = {
        f"images/{c.subject}/{c.prompt_index:02d}-{c.image_index}.png": c.file
        for c in material.cells
        if c.file
    }
    photos = material.photos.items()
    named |= {f"photos/{subject}/{photo.stem}.png": photo for subject, own in photos for photo in own}
    for name, file in named.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        image = Image.open(file)
        ellipse(image, box_of(name, *image.size)).save(folder / name)
    return folder


def mask_of(masks: Path, material: Material, file: Path) -> Path:
    for cell in material.cells:
        if cell.file == file:
            return masks / "images" / cell.subject / f"{cell.prompt_index:02d}-{cell.image_index}.png"
    return masks / "photos" / file.parent.name / f"{file.stem}.png"


def dino_spec(tiny_models, masks: Path | str, **more: object) -> CutOutSpec:
    dino = tiny_models.protocol().dino
    return CutOutSpec(**{**dino.model_dump(), "masks": str(masks), **more})


def protocol_with(tiny_models, name: str, spec):
    return tiny_models.protocol("dino", name).with_encoder_specs({name: spec})


def dino_files(material: Material, count: int = 2) -> list[ScoredFile]:
    cells = [cell for cell in material.cells if cell.subject == "dog"][:count]
    names = [f"{cell.prompt_index:02d}-{cell.image_index}" for cell in cells]
    photos = tuple(material.photos["dog"])
    return [ScoredFile(c.file, c.caption, photos, "dog", n) for c, n in zip(cells, names, strict=True)]
