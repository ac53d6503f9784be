"""The photos of the 30 held-out subjects: drawn from their vectors, and shipped as files in ``data/mini``."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from dreambench.errors import DreambenchError
from miniature.world.painter_registry import painter_of
from miniature.world.rng import Rng
from miniature.world.scene import Scene, render
from miniature.world.scene_sampling import draw_light, draw_pose, plain_ids
from miniature.world.vectors import held_out_subjects

_COMMENT = (
    "# Every photo of the miniature's subjects in data/mini/photos/, drawn by `python -m miniature.world`. "
    "bitmap_sha256 is of the same picture as an uncompressed BMP: it names the dataset, because a PNG's "
    "bytes depend on the compressor."
)
_COLUMNS = ("subject", "file", "sha256", "bytes", "width", "height", "bitmap_sha256")


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
    rng = Rng(1_000_003 * (key + 1) + index)
    return Scene(
        entry.vector,
        place,
        draw_pose(painter_of(entry.vector.noun), rng),
        draw_light(rng),
        seed=rng.bits() >> 2,
    )


def photo(subject: str, index: int) -> np.ndarray:
    """Return one photo of a held-out subject: uint8, 64 x 64 x 3. Raises as ``photo_scene``."""
    return render(photo_scene(subject, index)).image


def bitmap_sha256(pixels: np.ndarray) -> str:
    """Return the SHA-256 of uint8 pixels [h, w, 3] as a BMP file of 24 bits: the same on every machine."""
    memory = io.BytesIO()
    Image.fromarray(pixels).save(memory, "BMP")
    return hashlib.sha256(memory.getvalue()).hexdigest()


def write_photos(folder: Path) -> Path:
    """Write all 158 photos as ``<folder>/<subject>/00.png`` and on, and ``subjects.csv``; return the folder.

    The table has the columns ``subject``, ``class_noun`` and ``category`` (``object`` or ``live``). A file
    that shows the same pixels already is left alone, whatever its compressor was.
    """
    for subject, entry in held_out_subjects().items():
        (folder / subject).mkdir(parents=True, exist_ok=True)
        for index in range(entry.photos):
            file, pixels = folder / subject / f"{index:02d}.png", photo(subject, index)
            if not (file.is_file() and np.array_equal(np.asarray(Image.open(file)), pixels)):
                Image.fromarray(pixels).save(file, optimize=True)
    _write_table(
        folder / "subjects.csv",
        [("subject", "class_noun", "category")]
        + [(subject, entry.vector.noun, entry.category) for subject, entry in held_out_subjects().items()],
    )
    return folder


def write_manifest(folder: Path, file: Path) -> None:
    """Write the manifest of the photos in a folder that ``write_photos`` filled."""
    rows: list[tuple[object, ...]] = [_COLUMNS]
    for subject in held_out_subjects():
        for path in sorted((folder / subject).glob("*.png")):
            content, pixels = path.read_bytes(), np.asarray(Image.open(path))
            digest, (height, width) = hashlib.sha256(content).hexdigest(), pixels.shape[:2]
            rows.append((subject, path.name, digest, len(content), width, height, bitmap_sha256(pixels)))
    _write_table(file, rows, _COMMENT)


def _write_table(path: Path, rows: Sequence[tuple[object, ...]], comment: str | None = None) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        if comment:
            file.write(f"{comment}\n")
        csv.writer(file, lineterminator="\n").writerows(rows)
