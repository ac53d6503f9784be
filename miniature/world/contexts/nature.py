"""The official contexts of the open air."""

from __future__ import annotations

from miniature.world.canvas import Pen
from miniature.world.palette import Color, dark
from miniature.world.rng import Rng
from miniature.world.scenery import blades, blue_sky, fir, ground, leaf, sky, vary
from miniature.world.shapes import smooth, spin, tube
from miniature.world.surroundings import Setting, context

_JUNGLE: tuple[Color, ...] = ((20, 84, 44), (30, 112, 52), (46, 142, 62), (84, 172, 70), (22, 98, 70))


@context("in the jungle", 1)
def jungle(pen: Pen, rng: Rng) -> Setting:
    """Dark green depths, lianas, and large leaves from all sides."""
    sky(pen, (10, 48, 32), (30, 92, 52), 64)
    for _ in range(2):
        x = rng.uniform(6, 58)
        pen.fill(
            tube([(x, -4), (x + rng.uniform(-4, 4), 14), (x + rng.uniform(-3, 3), 34)], 1.2),
            (52, 96, 40),
            False,
        )
    for i in range(22):
        x, y = rng.uniform(-6, 70), rng.uniform(-4, 58)
        leaf(pen, x, y, rng.uniform(12, 22), rng.uniform(0, 1), _JUNGLE[i % 5], 0.42)
    ground(pen, (26, 80, 36), (20, 58, 30), 55)
    for side in (-4, 68):
        for _ in range(4):
            leaf(
                pen,
                side,
                rng.uniform(0, 56),
                rng.uniform(16, 24),
                rng.uniform(-0.16, 0.16) + (0.5 if side > 0 else 0.0),
                rng.pick(_JUNGLE[2:4]),
                0.4,
            )
    return Setting(front=_undergrowth)


def _undergrowth(pen: Pen, rng: Rng) -> None:
    for x in (2, 9, 56, 63):
        leaf(pen, x, 67, rng.uniform(12, 17), 0.75 + rng.uniform(-0.08, 0.08), rng.pick(_JUNGLE[1:4]), 0.45)
    blades(pen, rng, 63, 16, ((46, 142, 62), (30, 112, 52)), 4.5)


@context("in the snow", 2)
def snow(pen: Pen, rng: Rng) -> Setting:
    """White hills, snowy firs and falling flakes."""
    horizon = rng.uniform(30, 36)
    sky(pen, vary((150, 184, 214), rng), (222, 234, 244), horizon + 4)
    for x in (rng.uniform(2, 9), rng.uniform(13, 20), rng.uniform(46, 52), rng.uniform(56, 63)):
        fir(pen, x, horizon + rng.uniform(4, 8), rng.uniform(20, 28), (40, 96, 76), snow=True)
    pen.fill(
        smooth([(-6, 70), (-6, horizon + 4), (20, horizon), (44, horizon + 4), (70, horizon + 1), (70, 70)]),
        (238, 244, 252),
        False,
    )
    pen.fill(
        smooth(
            [
                (-6, 70),
                (-6, horizon + 16),
                (16, horizon + 13),
                (40, horizon + 17),
                (70, horizon + 12),
                (70, 70),
            ]
        ),
        (252, 253, 255),
        False,
    )
    for _ in range(26):
        pen.oval(
            rng.uniform(0, 64),
            rng.uniform(0, 44),
            rng.uniform(0.5, 1.0),
            fill=(255, 255, 255),
            outline=False,
        )
    return Setting(front=_drift)


def _drift(pen: Pen, rng: Rng) -> None:
    rise = rng.uniform(-1, 1)
    pen.fill(
        smooth([(-6, 70), (-6, 58 + rise), (14, 60), (32, 58.5), (50, 60 - rise), (70, 58), (70, 70)]),
        (250, 252, 255),
        (222, 232, 246),
    )
    for _ in range(8):
        pen.oval(rng.uniform(0, 64), rng.uniform(0, 60), 0.9, fill=(255, 255, 255), outline=False)


@context("on the beach", 3)
def beach(pen: Pen, rng: Rng) -> Setting:
    """Sun, sea, surf and sand."""
    horizon = rng.uniform(20, 26)
    sky(pen, vary((92, 180, 240), rng), (198, 232, 246), horizon)
    side = rng.sign()
    pen.oval(
        32 + side * rng.uniform(16, 26),
        rng.uniform(6, 11),
        4.2,
        fill=(255, 230, 110),
        outline=(255, 246, 190),
    )
    ground(pen, (36, 130, 196), (70, 186, 214), horizon)
    shore = horizon + rng.uniform(12, 15)
    pen.fill(
        smooth(
            [
                (-6, 70),
                (-6, shore - 1),
                (14, shore + 1.5),
                (34, shore - 1),
                (52, shore + 2),
                (70, shore),
                (70, 70),
            ]
        ),
        (250, 252, 252),
        False,
    )
    pen.fill(
        smooth(
            [
                (-6, 70),
                (-6, shore + 1),
                (14, shore + 3.5),
                (34, shore + 1),
                (52, shore + 4),
                (70, shore + 2),
                (70, 70),
            ]
        ),
        vary((240, 214, 154), rng, 6),
        False,
    )
    for _ in range(16):
        pen.oval(
            rng.uniform(0, 64), rng.uniform(shore + 8, 64), 0.7, 0.5, fill=(214, 182, 122), outline=False
        )
    x = 32 - side * rng.uniform(20, 26)
    pen.fill(
        [
            (
                x + 3.2 * spin(i / 10 + 0.25)[0] * (1 if i % 2 else 0.45),
                59 + 2.6 * spin(i / 10 + 0.25)[1] * (1 if i % 2 else 0.45),
            )
            for i in range(10)
        ],
        (240, 120, 90),
    )
    return Setting()


@context("with a mountain in the background", 8)
def mountain(pen: Pen, rng: Rng) -> Setting:
    """A high snowy peak over meadows."""
    horizon = rng.uniform(40, 44)
    blue_sky(pen, rng, horizon)
    side = rng.sign()
    for x, y, half in ((32 - side * 22, rng.uniform(14, 18), 22), (32 + side * 15, rng.uniform(3, 7), 27)):
        rock = vary((104, 112, 138), rng)
        pen.fill([(x - half, horizon + 1), (x, y), (x + half, horizon + 1)], rock, False)
        pen.fill(
            [(x, y), (x + half, horizon + 1), (x + half * 0.1, horizon + 1), (x + 2, y + 16)],
            dark(rock, 0.25),
            False,
        )
        cap = (horizon - y) * 0.36
        w = half * 0.36
        pen.fill(
            [
                (x, y),
                (x + w, y + cap),
                (x + w * 0.45, y + cap * 0.8),
                (x, y + cap * 1.15),
                (x - w * 0.5, y + cap * 0.8),
                (x - w, y + cap),
            ],
            (252, 252, 255),
            False,
        )
    ground(pen, (116, 168, 92), (88, 146, 74), horizon)
    for x in (3, 9, 55, 61):
        fir(pen, x + rng.uniform(-2, 2), horizon + rng.uniform(2, 4), rng.uniform(8, 11), (44, 100, 72))
    return Setting()
