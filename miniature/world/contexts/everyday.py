"""Plain surroundings, of which captions say nothing: photos and plain captions are set in them."""

from __future__ import annotations

from miniature.world.canvas import Pen
from miniature.world.palette import Color, dark, light
from miniature.world.rng import Rng
from miniature.world.scenery import blades, crown, ground, sky, vary
from miniature.world.shapes import box, oval, smooth, tube
from miniature.world.surroundings import Setting, plain

_WALLS: tuple[Color, ...] = (
    (222, 214, 200),
    (190, 208, 214),
    (206, 198, 216),
    (212, 222, 196),
    (236, 214, 190),
    (176, 196, 188),
)


@plain
def studio(pen: Pen, rng: Rng) -> Setting:
    """A seamless backdrop in a soft color."""
    color = vary(rng.pick((*_WALLS, (244, 190, 130), (150, 190, 220))), rng)
    sky(pen, light(color, 0.3), color, 64)
    pen.oval(32, 58, 34, 9, fill=dark(color, 0.07), outline=False)
    return Setting()


@plain
def table(pen: Pen, rng: Rng) -> Setting:
    """A painted table before a wall with a picture."""
    wall, top = (
        vary(rng.pick(_WALLS), rng),
        vary(rng.pick(((118, 146, 156), (232, 228, 220), (150, 122, 130))), rng),
    )
    sky(pen, light(wall, 0.1), dark(wall, 0.08), 44)
    x = 32 + rng.sign() * 20
    pen.fill(box(x - 8, 6, x + 8, 20), (250, 248, 242))
    pen.fill(box(x - 6, 8, x + 6, 18), rng.pick(((150, 190, 200), (230, 180, 150), (180, 200, 150))), False)
    ground(pen, light(top, 0.12), top, 44)
    pen.stroke([(0, 44), (64, 44)], dark(top, 0.3), 0.8)
    return Setting()


@plain
def brick_wall(pen: Pen, rng: Rng) -> Setting:
    """Red brick above gray paving."""
    sky(pen, (206, 186, 172), (196, 176, 164), 48)
    for row in range(9):
        for column in range(7):
            x = column * 11 - 5 * (row % 2) - 3
            pen.fill(box(x, row * 5.4 - 1, x + 10, row * 5.4 + 3.5), vary((172, 86, 68), rng, 16), False)
    ground(pen, (150, 146, 144), (130, 126, 126), 48)
    return Setting()


@plain
def lawn(pen: Pen, rng: Rng) -> Setting:
    """A mown lawn and a hedge."""
    sky(pen, (186, 216, 236), (220, 234, 240), 22)
    for i in range(8):
        crown(pen, i * 9 + rng.uniform(-2, 2), 22 + rng.uniform(-2, 2), 8, vary((70, 128, 66), rng))
    ground(pen, (134, 184, 92), (104, 158, 70), 27)
    for y in (36, 46, 58):
        blades(pen, rng, y, 12, ((92, 146, 62), (146, 194, 100)), 2.5, 1)
    return Setting()


@plain
def cushion(pen: Pen, rng: Rng) -> Setting:
    """A sofa: back, arms and a seat."""
    cloth = vary(rng.pick(((62, 120, 116), (116, 128, 150), (190, 140, 80), (128, 104, 92))), rng)
    wall = vary(rng.pick(_WALLS), rng)
    sky(pen, wall, dark(wall, 0.1), 64)
    pen.fill(box(3, 12, 61, 50, 7), cloth)
    pen.stroke([(32, 14), (32, 46)], dark(cloth, 0.35), 0.9)
    pen.fill(box(-6, 44, 70, 70, 6), light(cloth, 0.14), dark(cloth, 0.45))
    for side in (-1, 1):
        pen.fill(
            box(32 + side * 31 - 6, 28, 32 + side * 31 + 6, 70, 5), light(cloth, 0.06), dark(cloth, 0.45)
        )
    return Setting()


@plain
def shelf(pen: Pen, rng: Rng) -> Setting:
    """A white shelf with books at the side."""
    wall = vary(rng.pick(_WALLS), rng)
    sky(pen, dark(wall, 0.06), dark(wall, 0.2), 64)
    side = rng.sign()
    for i in range(4):
        x = 32 + side * (29 - i * 5.0)
        top = rng.uniform(20, 30)
        pen.fill(
            box(x - 2.3, top, x + 2.3, 53),
            vary(
                rng.pick(((186, 76, 70), (74, 110, 160), (220, 180, 90), (90, 140, 100), (120, 90, 140))),
                rng,
            ),
        )
    pen.fill(box(-2, 53, 66, 61), (244, 240, 232))
    pen.fill(box(-2, 61, 66, 66), dark(wall, 0.35), False)
    return Setting()


@plain
def tiles(pen: Pen, rng: Rng) -> Setting:
    """A tiled kitchen wall above a worktop."""
    tile = vary(rng.pick(((226, 232, 232), (188, 212, 204), (230, 220, 196))), rng)
    sky(pen, tile, dark(tile, 0.05), 46)
    for at in range(0, 66, 9):
        pen.stroke([(at, 0), (at, 46)], dark(tile, 0.22), 0.6)
        if at < 46:
            pen.stroke([(0, at), (64, at)], dark(tile, 0.22), 0.6)
    counter = vary(rng.pick(((92, 96, 104), (214, 206, 194))), rng)
    ground(pen, light(counter, 0.15), counter, 46)
    return Setting()


@plain
def window(pen: Pen, rng: Rng) -> Setting:
    """A wide window sill before a pale sky."""
    wall = vary(rng.pick(_WALLS), rng)
    sky(pen, wall, dark(wall, 0.08), 64)
    pen.fill(box(6, 3, 58, 48), (250, 248, 244))
    for x in (9, 33.5):
        pen.fill(box(x, 6, x + 21.5, 46), vary((196, 222, 240), rng), (206, 206, 206))
    pen.fill(box(-2, 47, 66, 66), (240, 236, 228), dark(wall, 0.25))
    return Setting()


@plain
def blanket(pen: Pen, rng: Rng) -> Setting:
    """A bed with a pillow and a woven blanket."""
    cloth = vary(rng.pick(((96, 130, 178), (120, 160, 140), (226, 200, 140))), rng)
    sky(pen, (226, 218, 206), (214, 204, 192), 30)
    pen.fill(smooth([(2, 34), (6, 20), (32, 17), (58, 20), (62, 34), (32, 38)]), (248, 246, 240))
    ground(pen, light(cloth, 0.15), cloth, 31)
    for at in range(-20, 90, 13):
        pen.fill(tube([(32 + (at - 32) * 0.6, 31), (at, 66)], 1.4, 2.4), light(cloth, 0.35), False)
    for y in (38, 48, 60):
        pen.fill(box(0, y, 64, y + 1.7), light(cloth, 0.35), False)
    return Setting()


@plain
def curtain(pen: Pen, rng: Rng) -> Setting:
    """A heavy curtain above a stone floor."""
    cloth = vary(rng.pick(((128, 146, 118), (150, 110, 96), (110, 118, 150), (196, 178, 140))), rng)
    sky(pen, cloth, dark(cloth, 0.1), 46)
    for i in range(7):
        x = i * 10 + rng.uniform(-2, 2)
        pen.fill(
            tube([(x, -2), (x + rng.uniform(-1, 1), 22), (x, 48)], 3.2, 4.0),
            dark(cloth, 0.2) if i % 2 else light(cloth, 0.16),
            False,
        )
    ground(pen, (196, 190, 182), (176, 170, 164), 46)
    return Setting()


@plain
def rock(pen: Pen, rng: Rng) -> Setting:
    """A large boulder in a park."""
    sky(pen, (196, 214, 222), (214, 222, 214), 30)
    for i in range(7):
        crown(pen, i * 11 + rng.uniform(-3, 3), 22, 9, vary((106, 142, 92), rng))
    ground(pen, (140, 158, 104), (120, 140, 88), 30)
    stone = vary((164, 152, 142), rng)
    pen.fill(smooth([(-4, 70), (1, 52), (14, 46), (36, 48), (54, 46), (66, 54), (68, 70)]), stone)
    for _ in range(7):
        x, y = rng.uniform(4, 60), rng.uniform(53, 63)
        pen.fill(oval(x, y, rng.uniform(1.5, 3.5), 0.8), dark(stone, 0.15), False)
    return Setting()


@plain
def gravel(pen: Pen, rng: Rng) -> Setting:
    """A yard of fine gravel before a fence."""
    sky(pen, (206, 220, 228), (222, 228, 228), 34)
    for i in range(8):
        pen.fill(
            [(i * 8.6, 36), (i * 8.6, 14), (i * 8.6 + 3.5, 10), (i * 8.6 + 7, 14), (i * 8.6 + 7, 36)],
            vary((206, 204, 196), rng, 6),
        )
    ground(pen, (168, 164, 158), (142, 138, 134), 34)
    for _ in range(44):
        x, y = rng.uniform(0, 64), rng.uniform(36, 64)
        pen.oval(x, y, 0.9, 0.6, fill=vary((150, 146, 140), rng, 34), outline=False)
    return Setting()
