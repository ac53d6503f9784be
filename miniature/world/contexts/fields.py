"""The official contexts of fields, meadows and woods."""

from __future__ import annotations

from miniature.world.canvas import Pen
from miniature.world.palette import Color, dark, light
from miniature.world.rng import Rng
from miniature.world.scenery import blades, blue_sky, crown, ground, leaf, rug, sky, trunk, vary
from miniature.world.shapes import fluffy
from miniature.world.surroundings import Setting, context


@context("on top of a purple rug in a forest", 10)
def purple_rug(pen: Pen, rng: Rng) -> Setting:
    """Trunks, dim green light, and a round purple rug on the forest floor."""
    horizon = rng.uniform(36, 40)
    sky(pen, (40, 84, 52), (112, 156, 96), horizon + 3)
    for i in range(8):
        x = i * 9 + rng.uniform(-3, 3)
        trunk(pen, x, -2, horizon + rng.uniform(1, 5), rng.uniform(3.5, 5.5), vary((92, 66, 46), rng))
    for i in range(7):
        crown(pen, i * 11 + rng.uniform(-3, 3), rng.uniform(-3, 5), 8, vary((52, 112, 56), rng))
    ground(pen, (84, 94, 52), (64, 72, 40), horizon + 2)
    rug(pen, 32, 55.5, 30, 8.0, vary((138, 54, 184), rng, 8))
    return Setting(ground=57.5)


@context("with a wheat field in the background", 11)
def wheat_field(pen: Pen, rng: Rng) -> Setting:
    """Golden ears up to the shoulder under a wide sky."""
    horizon = rng.uniform(20, 25)
    blue_sky(pen, rng, horizon)
    ground(pen, (226, 178, 74), (206, 150, 50), horizon)
    for row, y in enumerate((horizon + 6, horizon + 15, horizon + 26)):
        for i in range(13):
            x, foot = i * 5.2 + rng.uniform(-2, 2), y + 8
            top = y - rng.uniform(4, 7)
            lean = rng.uniform(-1.5, 2.5)
            pen.stroke([(x, foot), (x + lean, top)], (184, 134, 44), 0.7)
            pen.oval(
                x + lean,
                top,
                1.1,
                2.8,
                fill=vary(((240, 200, 96), (248, 212, 110), (240, 196, 88))[row], rng),
                outline=(190, 140, 50),
            )
    ground(pen, (196, 152, 74), (176, 130, 66), 54)
    return Setting(
        front=lambda front, rolls: blades(front, rolls, 64, 20, ((236, 192, 86), (208, 158, 60)), 5)
    )


@context("with a tree and autumn leaves in the background", 12)
def autumn(pen: Pen, rng: Rng) -> Setting:
    """A large orange tree, leaves in the air and on the ground."""
    horizon = rng.uniform(42, 45)
    sky(pen, vary((196, 216, 228), rng), (246, 228, 196), horizon)
    ground(pen, (176, 128, 66), (150, 100, 50), horizon)
    side = rng.sign()
    x = 32 + side * rng.uniform(14, 19)
    trunk(pen, x, 8, horizon + 4, 7, (98, 66, 44))
    fiery: tuple[Color, ...] = ((230, 110, 30), (246, 160, 40), (208, 64, 34), (250, 196, 60))
    for i in range(9):
        crown(pen, x + rng.uniform(-17, 17), rng.uniform(0, 16), rng.uniform(6, 9), fiery[i % 4])
    for _ in range(26):
        lx, ly = rng.uniform(0, 64), rng.uniform(horizon, 64)
        leaf(pen, lx, ly, rng.uniform(3, 4.5), rng.uniform(0, 1), rng.pick(fiery), 0.7)
    for _ in range(8):
        leaf(
            pen,
            rng.uniform(0, 64),
            rng.uniform(14, horizon),
            rng.uniform(3, 4),
            rng.uniform(0, 1),
            rng.pick(fiery),
            0.7,
        )
    return Setting(front=_litter)


def _litter(pen: Pen, rng: Rng) -> None:
    for _ in range(9):
        leaf(
            pen,
            rng.uniform(0, 64),
            rng.uniform(60, 64),
            4,
            rng.uniform(0, 1),
            rng.pick(((230, 110, 30), (246, 170, 50), (200, 60, 34))),
            0.7,
        )


@context("on top of green grass with sunflowers around it", 16)
def sunflowers(pen: Pen, rng: Rng) -> Setting:
    """A bright lawn that fills the frame, sunflowers on both sides."""
    sky(pen, vary((120, 196, 84), rng, 6), (84, 168, 62), 64)
    for y in (8, 20, 32, 44, 56):
        blades(pen, rng, y, 12, ((70, 150, 54), (140, 206, 96)), 5)
    for side in (-1, 1):
        for y in (9, 25, 42):
            _sunflower(pen, 32 + side * rng.uniform(20, 29), y + rng.uniform(-4, 4), rng.uniform(5.2, 6.6))
    return Setting(front=_near_flowers)


def _sunflower(pen: Pen, x: float, y: float, r: float) -> None:
    pen.stroke([(x, y), (x + 1, y + r * 2)], (46, 120, 44), 1.2)
    leaf(pen, x, y + r * 1.7, r * 0.9, 0.02, (56, 138, 50), 0.6)
    pen.fill(fluffy(x, y, r, r, 11, 0.45), (252, 202, 36), (226, 150, 20))
    pen.oval(x, y, r * 0.48, fill=(104, 62, 26), outline=(74, 42, 20))


def _near_flowers(pen: Pen, rng: Rng) -> None:
    for side in (-1, 1):
        _sunflower(pen, 32 + side * rng.uniform(23, 29), rng.uniform(54, 58), 6.2)
    blades(pen, rng, 64, 22, ((70, 150, 54), (110, 190, 80)), 5)


@context("on top of a dirt road", 19)
def dirt_road(pen: Pen, rng: Rng) -> Setting:
    """A brown track with ruts that runs between meadows to the horizon."""
    horizon = rng.uniform(27, 31)
    blue_sky(pen, rng, horizon)
    for x, r in ((6, 9), (20, 7), (46, 8), (60, 10)):
        pen.oval(x + rng.uniform(-3, 3), horizon + 2, r, r * 0.55, fill=(84, 136, 76), outline=False)
    ground(pen, (146, 176, 88), (110, 148, 62), horizon)
    far = 32 + rng.uniform(-10, 10)
    dirt = vary((176, 128, 82), rng)
    pen.fill([(far - 3.5, horizon), (far + 3.5, horizon), (68, 66), (-4, 66)], dirt, False)
    for left, right in ((-0.62, -0.42), (0.42, 0.62)):
        pen.fill(
            [
                (far + 3.2 * left, horizon),
                (far + 3.2 * right, horizon),
                (32 + 38 * right, 66),
                (32 + 38 * left, 66),
            ],
            dark(dirt, 0.22),
            False,
        )
    for _ in range(18):
        y = rng.uniform(40, 64)
        pen.oval(
            32 + rng.uniform(-0.9, 0.9) * (y - horizon),
            y,
            rng.uniform(0.6, 1.4),
            0.6,
            fill=light(dirt, 0.3) if rng.chance(0.5) else dark(dirt, 0.3),
            outline=False,
        )
    for side in (-1, 1):
        for y in (36, 42, 50):
            pen.fill(
                [
                    (32 + side * (y - horizon) * 1.1 + dx, y + 1 - dy)
                    for dx, dy in ((-2, 0), (-1, 4), (0, 1), (1, 4), (2, 0))
                ],
                (84, 128, 50),
                False,
            )
    return Setting()
