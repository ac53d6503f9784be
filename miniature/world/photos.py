"""The photos of the 30 held-out subjects: drawn from the file, the same on every machine, never stored."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from dreambench.errors import DreambenchError
from miniature.world.painter_registry import painter_of
from miniature.world.rng import Rng
from miniature.world.scene import Scene, render
from miniature.world.scene_sampling import draw_light, draw_pose, plain_ids
from miniature.world.vectors import held_out_subjects


def photo_scene(subject: str, index: int) -> Scene:
    """Return the scene of one photo: plain surroundings, no two photos of a subject in the same ones.

    Raises ``DreambenchError`` for an unknown subject or an index that it has no photo for.
    """
    entry = held_out_subjects().get(subject)
    if entry is None:
        raise DreambenchError(f"unknown subject {subject!r}", f"known: {', '.join(held_out_subjects())}")
    if not 0 <= index < entry.photos:
        raise DreambenchError(f"{subject} has no photo {index}", f"it has {entry.photos}, counted from 0")
    key = list(held_out_subjects()).index(subject)
    # Five and twelve have no common divisor: the surroundings of a subject's photos all differ.
    places = plain_ids()
    place = places[(key * 7 + index * 5) % len(places)]
    dice = Rng(1_000_003 * (key + 1) + index)
    return Scene(
        entry.vector,
        place,
        draw_pose(painter_of(entry.vector.noun), dice),
        draw_light(dice),
        seed=dice.bits() >> 2,
    )


def photo(subject: str, index: int) -> np.ndarray:
    """Return one photo of a held-out subject: uint8, 64 x 64 x 3. Errors as ``photo_scene``."""
    return render(photo_scene(subject, index)).image


def write_photos(folder: Path | str) -> Path:
    """Write all 158 photos as ``<folder>/<subject>/00.bmp`` and on, and ``subjects.csv``; return the folder.

    The table has the columns ``subject``, ``class_noun`` and ``category`` (``object`` or ``live``).
    Bitmaps, because a PNG's bytes depend on the compressor at hand, and a dataset is named by its bytes.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for subject, entry in held_out_subjects().items():
        (target / subject).mkdir(exist_ok=True)
        for index in range(entry.photos):
            Image.fromarray(photo(subject, index)).save(target / subject / f"{index:02d}.bmp")
    with (target / "subjects.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("subject", "class_noun", "category"))
        table.writerows(
            (subject, entry.vector.noun, entry.category) for subject, entry in held_out_subjects().items()
        )
    return target
