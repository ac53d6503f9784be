"""The pieces that contexts are made of: sky, ground, trees, leaves, clouds, boards, rugs, folds, waves.

Contexts draw in frame coordinates: pixels of the final picture, x to the right and y down.
"""

from __future__ import annotations

import itertools

from miniature.world.canvas import Pen, gradient
from miniature.world.palette import Color, dark, light, mix
from miniature.world.rng import Rng
from miniature.world.shapes import Points, box, fluffy, oval, smooth, spin, tube


def vary(color: Color, rng: Rng, amount: float = 10.0) -> Color:
    """Return the color, a little lighter or darker."""
    change = rng.uniform(-amount, amount)
    red, green, blue = (min(255, max(0, int(channel + change + rng.uniform(-3, 3)))) for channel in color)
    return red, green, blue


def sky(pen: Pen, top: Color, bottom: Color, horizon: float) -> None:
    """Fill from the top of the frame to the horizon."""
    gradient(pen.image, top, bottom, 0, int(horizon) + 1)


def ground(pen: Pen, far: Color, near: Color, horizon: float) -> None:
    """Fill from the horizon to the bottom of the frame."""
    gradient(pen.image, far, near, int(horizon), 64)


def blue_sky(pen: Pen, rng: Rng, horizon: float) -> None:
    """Fill a fair sky, with a cloud or two."""
    sky(pen, vary((116, 178, 234), rng), vary((206, 230, 246), rng), horizon)
    for _ in range(1 + rng.below(2)):
        cloud(pen, rng.uniform(4, 60), rng.uniform(4, horizon * 0.4), rng.uniform(4, 7))


def cloud(pen: Pen, x: float, y: float, size: float, color: Color = (248, 250, 252)) -> None:
    """Draw a cloud about three ``size`` wide."""
    for dx, dy, r in ((-0.9, 0.15, 0.55), (0.0, -0.1, 0.8), (0.9, 0.15, 0.6)):
        pen.oval(x + dx * size, y + dy * size, r * size, r * size * 0.6, fill=color, outline=False)


def blades(
    pen: Pen,
    rng: Rng,
    y: float,
    count: int,
    colors: tuple[Color, ...],
    height: float = 5.0,
    spread: float = 3.0,
) -> None:
    """Draw a row of grass blades that grow from around y."""
    for i in range(count):
        x = (i + rng.uniform(0, 1)) * 64 / count
        foot, tip = y + rng.uniform(-1.5, 1.5), height * rng.uniform(0.7, 1.3)
        pen.fill(
            [(x - 0.9, foot), (x + rng.uniform(-spread, spread), foot - tip), (x + 0.9, foot)],
            rng.pick(colors),
            False,
        )


def leaf(pen: Pen, x: float, y: float, length: float, turn: float, color: Color, width: float = 0.36) -> None:
    """Draw a pointed leaf from (x, y) into the direction ``turn``, with its vein."""
    c, s = spin(turn)
    half = length * width / 2
    tip = (x + length * c, y + length * s)
    left = (x + length * 0.45 * c - half * s, y + length * 0.45 * s + half * c)
    right = (x + length * 0.45 * c + half * s, y + length * 0.45 * s - half * c)
    pen.fill(
        [
            (x, y),
            left,
            (x + length * 0.8 * c - half * 0.55 * s, y + length * 0.8 * s + half * 0.55 * c),
            tip,
            (x + length * 0.8 * c + half * 0.55 * s, y + length * 0.8 * s - half * 0.55 * c),
            right,
        ],
        color,
        False,
    )
    pen.stroke([(x, y), (x + length * 0.85 * c, y + length * 0.85 * s)], light(color, 0.25), 0.5)


def trunk(pen: Pen, x: float, top: float, bottom: float, width: float, color: Color) -> None:
    """Draw a tree trunk, lit from one side."""
    pen.fill(
        [
            (x - width * 0.4, top),
            (x + width * 0.4, top),
            (x + width * 0.6, bottom),
            (x - width * 0.6, bottom),
        ],
        color,
        False,
    )
    pen.fill(
        [
            (x + width * 0.05, top),
            (x + width * 0.4, top),
            (x + width * 0.6, bottom),
            (x + width * 0.1, bottom),
        ],
        dark(color, 0.22),
        False,
    )


def fir(pen: Pen, x: float, foot: float, height: float, color: Color, snow: bool = False) -> None:
    """Draw a fir tree of three tiers, under snow or not."""
    pen.fill(box(x - 0.8, foot - height * 0.15, x + 0.8, foot), (96, 70, 50), False)
    for tier in range(3):
        base, half = foot - height * (0.12 + 0.26 * tier), height * (0.34 - 0.08 * tier)
        peak = base - height * 0.38
        pen.fill([(x - half, base), (x, peak), (x + half, base)], dark(color, 0.08 * (2 - tier)), False)
        if snow:
            pen.fill(
                [(x - half * 0.55, base - height * 0.17), (x, peak), (x + half * 0.55, base - height * 0.17)],
                (250, 252, 255),
                False,
            )


def crown(pen: Pen, x: float, y: float, size: float, color: Color) -> None:
    """Draw a round tree crown, lit from above."""
    pen.fill(fluffy(x, y, size, size * 0.85, 9, 0.2), dark(color, 0.15), False)
    pen.fill(
        fluffy(x - size * 0.15, y - size * 0.2, size * 0.7, size * 0.55, 7, 0.2), light(color, 0.12), False
    )


def planks(pen: Pen, rng: Rng, horizon: float, color: Color) -> None:
    """Lay floor boards that run away from the viewer."""
    edges = [-70 + 19.0 * i + rng.uniform(-1, 1) for i in range(12)]
    for left, right in itertools.pairwise(edges):
        tone = vary(color, rng, 15)
        shape = [
            (32 + (left - 32) * 0.42, horizon),
            (32 + (right - 32) * 0.42, horizon),
            (right, 64),
            (left, 64),
        ]
        pen.fill(shape, tone, False)
        pen.stroke([shape[0], shape[3]], dark(color, 0.45), 0.6)
        at = rng.uniform(0.15, 0.9)
        joint = horizon + (64 - horizon) * at
        share = 0.42 + 0.58 * at
        pen.stroke(
            [(32 + (left - 32) * share, joint), (32 + (right - 32) * share, joint)], dark(color, 0.4), 0.5
        )


def rug(pen: Pen, x: float, y: float, rx: float, ry: float, color: Color, tufted: bool = False) -> None:
    """Lay a round rug with a border and a rim."""
    edge: Points = fluffy(x, y, rx, ry, 16, 0.08) if tufted else oval(x, y, rx, ry)
    pen.fill([(px, py + 1.6) for px, py in edge], dark(color, 0.5), False)
    pen.fill(edge, color, False)
    pen.fill(oval(x, y, rx * 0.84, ry * 0.82), mix(color, light(color, 0.6), 0.35), False)
    pen.fill(oval(x, y, rx * 0.72, ry * 0.68), color, False)


def folds(pen: Pen, rng: Rng, color: Color, count: int = 6) -> None:
    """Drape cloth over the whole frame: soft light and dark folds."""
    for i in range(count):
        x = (i + rng.uniform(0.1, 0.9)) * 72 / count - 6
        bend = [
            (x, -3),
            (x + rng.uniform(-7, 7), 20),
            (x + rng.uniform(-5, 9), 42),
            (x + rng.uniform(-9, 13), 68),
        ]
        tone = dark(color, rng.uniform(0.08, 0.2)) if i % 2 else light(color, rng.uniform(0.3, 0.5))
        pen.fill(tube(bend, rng.uniform(2.5, 5), rng.uniform(4, 9)), tone, False)


def waves(pen: Pen, rng: Rng, top: float, color: Color, count: int = 16) -> None:
    """Draw small crests, larger the nearer they are."""
    for _ in range(count):
        share = rng.uniform(0, 1)
        y, half = top + (64 - top) * share, 2.5 + 4.0 * share
        x = rng.uniform(-2, 66)
        pen.stroke(
            smooth(
                [(x - half, y), (x - half / 2, y - 1.2), (x, y), (x + half / 2, y - 1.2), (x + half, y)],
                closed=False,
                steps=2,
            ),
            color,
            0.7,
        )
