"""What cats and dogs share: two stances of the trunk, eyes, and the dressing in between."""

from __future__ import annotations

from miniature.world.canvas import Fill, Pen
from miniature.world.palette import INK, Color, dark, light, mix
from miniature.world.pose import Dress, Pose, Torso
from miniature.world.shapes import Point, Points, fluffy, oval, smooth, tube


def eye(
    pen: Pen,
    x: float,
    y: float,
    size: float,
    iris: Color | None = None,
    slit: bool = False,
    look: float = 0.0,
) -> None:
    """Draw one eye: all dark, or with a colored iris around a round pupil or a slit."""
    if iris is None:
        pen.oval(x, y, size * 0.92, size * 1.05, fill=INK, outline=False)
    else:
        pen.oval(x, y, size, size * 1.05, fill=iris, outline=INK)
        pen.oval(
            x + look * size * 0.25,
            y,
            size * (0.36 if slit else 0.6),
            size * (0.85 if slit else 0.65),
            fill=INK,
            outline=False,
        )
    pen.oval(x - size * 0.3, y + size * 0.38, size * 0.36, fill=(255, 255, 255), outline=False)


def trunk(
    pen: Pen,
    pose: Pose,
    coat: Fill,
    bib: Color | None,
    socks: Color | None,
    build: float,
    fluff: bool,
    dress: Dress,
) -> Point:
    """Draw trunk and legs of a sitting or standing animal, dress it, and return where its head goes.

    ``build`` (about 0.8 to 1.2) is how stout it is; ``bib`` and ``socks`` are the colors of chest and paws.
    """
    return (_sitting if pose.stance == "sit" else _standing)(pen, coat, bib, socks, build, fluff, dress)


def _base(coat: Fill) -> Color:
    return coat if isinstance(coat, tuple) else coat.base


def _sitting(
    pen: Pen, coat: Fill, bib: Color | None, socks: Color | None, build: float, fluff: bool, dress: Dress
) -> Point:
    base, w = _base(coat), build
    for side in (-1, 1):
        pen.oval(side * 0.25 * w, 0.13, 0.16 * w, 0.15, fill=coat)
    outline = [
        (-0.15, 0.6),
        (-0.23 * w, 0.38),
        (-0.26 * w, 0.1),
        (-0.15 * w, 0.01),
        (0.15 * w, 0.01),
        (0.26 * w, 0.1),
        (0.23 * w, 0.38),
        (0.15, 0.6),
    ]
    body = smooth(outline)
    pen.fill(fluffy(0, 0.3, 0.27 * w, 0.34, 12) if fluff else body, coat)
    if bib:
        pen.fill(
            fluffy(0, 0.36, 0.13 * w, 0.19, 9, 0.16) if fluff else oval(0, 0.36, 0.12 * w, 0.2), bib, False
        )
    sleeves: list[Points] = []
    for side in (-1, 1):
        leg = tube([(side * 0.12 * w, 0.33), (side * 0.12 * w, 0.06)], 0.13, 0.12)
        pen.fill(leg, mix(base, dark(base), 0.06))
        pen.oval(side * 0.125 * w, 0.04, 0.085, 0.055, fill=socks or light(base, 0.12))
        sleeves.append(tube([(side * 0.14 * w, 0.42), (side * 0.125 * w, 0.19)], 0.16, 0.17))
    covered = [
        (-0.15, 0.58),
        (-0.24 * w, 0.4),
        (-0.28 * w, 0.16),
        (0, 0.12),
        (0.28 * w, 0.16),
        (0.24 * w, 0.4),
        (0.15, 0.58),
    ]
    dress(Torso(pen, smooth(covered), sleeves, (0.0, 0.51, 0.19 * w), (0.0, 0.34)))
    return 0.0, 0.7


def _standing(
    pen: Pen, coat: Fill, bib: Color | None, socks: Color | None, build: float, fluff: bool, dress: Dress
) -> Point:
    base, h = _base(coat), 0.15 * build
    shaded = dark(base, 0.22)
    for x in (-0.24, 0.17):
        pen.fill(tube([(x, 0.3), (x + 0.01, 0.05)], 0.13, 0.11), shaded)
    middle = 0.37
    outline = [
        (-0.42, middle),
        (-0.36, middle + h),
        (-0.1, middle + h * 0.95),
        (0.18, middle + h * 1.25),
        (0.34, middle + h * 0.9),
        (0.35, middle - h * 0.5),
        (0.15, middle - h),
        (-0.15, middle - h * 0.85),
        (-0.38, middle - h * 0.8),
    ]
    body = smooth(outline)
    pen.fill(fluffy(-0.03, middle + 0.01, 0.41, h * 1.25, 13) if fluff else body, coat)
    if bib:
        pen.oval(0.28, middle + 0.01, 0.09, h * 0.85, fill=bib, outline=False)
    sleeves: list[Points] = []
    for x in (-0.35, 0.27):
        pen.fill(tube([(x, 0.34), (x + 0.01, 0.05)], 0.14, 0.12), base)
        pen.oval(x + 0.03, 0.04, 0.085, 0.055, fill=socks or light(base, 0.12))
    sleeves.append(tube([(0.24, 0.4), (0.27, 0.2)], 0.17, 0.18))
    covered = [
        (-0.22, middle - h * 0.9),
        (-0.24, middle),
        (-0.2, middle + h * 1.02),
        (0.16, middle + h * 1.3),
        (0.35, middle + h),
        (0.37, middle - h * 0.4),
        (0.15, middle - h * 1.15),
    ]
    dress(Torso(pen, smooth(covered), sleeves, (0.27, 0.53, 0.16), (0.12, middle)))
    return 0.28, 0.7


def tail_at(pose: Pose, points: Points) -> Points:
    """Return a tail's path (given from its root at the origin) in the place that the stance asks for."""
    swing = pose.swing * 0.06
    x, y = (0.2, 0.1) if pose.stance == "sit" else (-0.36, 0.42)
    turn = 1 if pose.stance == "sit" else -1
    n = len(points) - 1
    return [(x + turn * px + swing * i / n, y + py) for i, (px, py) in enumerate(points)]
