"""A small drawn dataset: the official subjects with drawn photos, in the layout of a user's own dataset."""

from __future__ import annotations

import colorsys
import csv
import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

IMAGE_SIZE = 64
SUBJECT_LIST = Path(__file__).resolve().parents[2] / "data" / "subjects.csv"


def build_dataset(folder: Path, subjects: Sequence[str] | None = None, *, size: int = IMAGE_SIZE) -> Path:
    """Draw the 30 official subjects (or some), 4 to 6 photos each, as a user's own dataset."""
    lines = [line for line in SUBJECT_LIST.read_text("utf-8").splitlines() if not line.startswith("#")]
    rows = [row for row in csv.DictReader(lines) if subjects is None or row["subject"] in subjects]
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "subjects.csv", "w", newline="", encoding="utf-8") as file:
        names = ("subject", "class_noun", "category")
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        (folder / row["subject"]).mkdir(exist_ok=True)
        for index in range(int(row["photos"])):
            photo = draw_photo(row["subject"], index, size)
            photo.save(folder / row["subject"] / f"{index:02d}.jpg", quality=95)
    return folder


def draw_photo(subject: str, index: int, size: int) -> Image.Image:
    """Draw one photo of a subject: its own shape and colors, the photo's own position and background."""
    own = random.Random(hashlib.sha256(subject.encode()).digest())
    hue, kind, inner = own.random(), own.randrange(3), own.uniform(0.3, 0.7)
    place = random.Random(hashlib.sha256(f"{subject}/{index}".encode()).digest())
    image = Image.new("RGB", (size, size), _color(place.random(), 0.25, place.uniform(0.5, 1.0)))
    draw = ImageDraw.Draw(image)
    radius = size * place.uniform(0.25, 0.4)
    x, y = (place.uniform(radius, size - radius) for _ in range(2))
    for scale, shift in ((1.0, 0.0), (inner, 0.45)):
        r, color = radius * scale, _color(hue + shift, 0.85, 0.9)
        if kind == 0:
            draw.ellipse((x - r, y - r, x + r, y + r), fill=color)
        else:
            draw.regular_polygon((x, y, r), 3 if kind == 1 else 4, rotation=place.randrange(90), fill=color)
    return image


def _color(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)
