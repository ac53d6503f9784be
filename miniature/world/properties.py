"""The five official properties: red and purple change colors, shiny and wet the surface, cube the shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miniature.world.canvas import Paint, Pen, frame, reduced
from miniature.world.painter_registry import Hue, painter_of
from miniature.world.palette import Color, dark, light, luminance
from miniature.world.rng import Rng
from miniature.world.shapes import Points, box, smooth, tube
from miniature.world.vectors import Vector

#: The official words of each property, by id.
PROPERTIES: dict[str, str] = {
    "red": "red",
    "purple": "purple",
    "shiny": "shiny",
    "wet": "wet",
    "cube": "cube shaped",
}

_TARGETS: dict[str, Color] = {"red": (214, 34, 38), "purple": (126, 52, 180)}


@dataclass(frozen=True)
class Extent:
    """Where a drawn subject is: its box in pixels."""

    left: float
    top: float
    right: float
    bottom: float


def recolored(vector: Vector, name: str) -> Vector:
    """Return the vector in tones of red or purple: lighter and darker colors stay lighter and darker.

    Colors that are declared ``fixed`` (eyes, food, flames) are kept.
    """
    target = _TARGETS[name]
    own = luminance(vector.hue("main"))
    tones: dict[str, Color] = {"main": target}
    for key, parameter in painter_of(vector.noun).prior.items():
        if not isinstance(parameter, Hue) or parameter.fixed or key == "main":
            continue
        gap = luminance(vector.hue(key)) - own
        # A color of the same brightness must still be told from the main one.
        gap = gap if abs(gap) > 0.14 else (0.25 if own < 0.5 else -0.25)
        tones[key] = light(target, min(0.62, gap * 1.1)) if gap > 0 else dark(target, min(0.62, -gap))
    return vector.replaced(**tones)


def draw_cube(pen: Pen, vector: Vector) -> None:
    """Draw the subject as a cube: its pattern on three faces, its features on the front one."""
    paint, emblem = vector.paint(0.42), painter_of(vector.noun).emblem
    side, depth, rise = 0.37, 0.2, 0.17
    front = pen.at(-0.08, side + 0.01, 0, side)
    face: Points = box(-1, -1, 1, 1)
    shaded = Paint(dark(paint.base, 0.32), dark(paint.accent, 0.32), paint.pattern, paint.pitch, paint.layout)
    bright = Paint(light(paint.base, 0.3), light(paint.accent, 0.3), paint.pattern, paint.pitch, paint.layout)
    half = depth / side / 2
    front.affine(half, rise / side / 2, 0, 1, 1 + half, rise / side / 2).fill(face, shaded)
    front.affine(1, 0, half, rise / side / 2, half, 1 + rise / side / 2).fill(face, bright)
    front.fill(face, paint)
    emblem(front.at(0, 0, 0, 0.92), vector)


def gloss(subject: np.ndarray, extent: Extent, side: int, rng: Rng) -> np.ndarray:
    """Return the subject (64 x 64 x 4, float) with deeper tones and white highlights."""
    veil = frame()
    pen = Pen.over(veil)
    w, h = extent.right - extent.left, extent.bottom - extent.top
    x = (extent.left + extent.right) / 2 + side * w * 0.24
    y = extent.top + h * 0.3
    shine: Color = (255, 255, 255)
    for dx, width, reach in ((0.0, 0.09, 0.46), (-side * w * 0.15, 0.045, 0.32)):
        path = [(x + dx - w * 0.08, y + h * reach), (x + dx + w * 0.1, y - h * 0.22)]
        pen.fill(tube(path, w * width), shine, False)
    pen.oval(x - side * w * 0.42, extent.bottom - h * 0.17, w * 0.09, h * 0.05, fill=shine, outline=False)
    share = reduced(veil)[..., :1] * np.float32(0.72 / 255)
    deep = (subject[..., :3] - 128) * np.float32(1.18) + 132
    subject[..., :3] = deep + (255 - deep) * share
    return subject


def sparkle(pen: Pen, extent: Extent, side: int, rng: Rng) -> None:
    """Draw a few four-pointed stars of light at the subject's rim (frame coordinates)."""
    w, h = extent.right - extent.left, extent.bottom - extent.top
    middle = (extent.left + extent.right) / 2
    for dx, dy, r in ((0.36, 0.14, 5.0), (-0.4, 0.42, 3.6), (0.42, 0.68, 3.2)):
        x, y = middle + side * w * dx + rng.uniform(-2, 2), extent.top + h * dy + rng.uniform(-2, 2)
        rays = [
            (x, y - r),
            (x + r * 0.2, y - r * 0.2),
            (x + r, y),
            (x + r * 0.2, y + r * 0.2),
            (x, y + r),
            (x - r * 0.2, y + r * 0.2),
            (x - r, y),
            (x - r * 0.2, y - r * 0.2),
        ]
        pen.fill(rays, (255, 255, 255), (255, 236, 150))


def _drop(pen: Pen, x: float, y: float, r: float) -> None:
    pen.fill(
        smooth([(x, y - r * 1.7), (x + r * 0.85, y), (x, y + r), (x - r * 0.85, y)]),
        (150, 212, 250),
        (44, 104, 176),
    )
    pen.oval(x - r * 0.25, y + r * 0.05, r * 0.3, fill=(240, 250, 255), outline=False)


def soaked(subject: np.ndarray) -> np.ndarray:
    """Return the subject (64 x 64 x 4, float) darker and a little bluer."""
    subject[..., :3] = subject[..., :3] * np.array((0.74, 0.8, 0.9), np.float32)
    return subject


def drops(pen: Pen, extent: Extent, rng: Rng) -> None:
    """Draw drops on the subject and beside it (frame coordinates)."""
    w, h = extent.right - extent.left, extent.bottom - extent.top
    for i in range(8):
        x = extent.left + w * (0.12 + 0.76 * ((i * 5 % 8) / 7)) + rng.uniform(-2, 2)
        _drop(pen, x, extent.top + h * (0.2 + 0.72 * i / 7), rng.uniform(1.5, 2.2))
    for side in (-1, 1):
        x = (extent.left if side < 0 else extent.right) + side * rng.uniform(1, 4)
        _drop(pen, x, extent.top + h * rng.uniform(0.3, 0.7), 1.9)


def puddle(pen: Pen, extent: Extent) -> None:
    """Draw a puddle below the subject (frame coordinates)."""
    x, y, half = (extent.left + extent.right) / 2, extent.bottom - 1.0, (extent.right - extent.left) / 2 + 6
    rim = [
        (x + half * c, y + 4.6 * s)
        for c, s in (
            (1, 0),
            (0.75, 0.75),
            (0.2, 0.9),
            (-0.3, 0.8),
            (-0.8, 0.75),
            (-1.02, 0),
            (-0.7, -0.75),
            (0, -0.9),
            (0.7, -0.7),
        )
    ]
    pen.fill(smooth(rim), (112, 178, 226), (66, 124, 188))
    pen.fill(
        smooth([(x - half * 0.7, y + 1.6), (x, y + 2.8), (x + half * 0.5, y + 2.2), (x, y + 2.0)]),
        (206, 234, 250),
        False,
    )
