"""The official contexts of streets and buildings."""

from __future__ import annotations

from miniature.world.canvas import Pen
from miniature.world.palette import Color, dark, light
from miniature.world.rng import Rng
from miniature.world.scenery import blue_sky, cloud, crown, ground, sky, vary
from miniature.world.shapes import box, oval, smooth
from miniature.world.surroundings import Setting, context


@context("on a cobblestone street", 4)
def cobblestone(pen: Pen, rng: Rng) -> Setting:
    """Rows of rounded gray stones that fill the frame below a strip of old walls."""
    horizon = rng.uniform(12, 17)
    wall = vary(rng.pick(((196, 160, 124), (176, 150, 140), (202, 176, 140))), rng)
    sky(pen, wall, dark(wall, 0.12), horizon)
    for x in (rng.uniform(2, 8), rng.uniform(48, 54)):
        pen.fill(box(x, -2, x + 8, horizon - 4), (104, 84, 70), dark(wall, 0.4))
    ground(pen, (92, 88, 92), (78, 74, 80), horizon)
    y, row, size = horizon + 1.5, 0, 3.4
    while y < 66:
        x = -size * rng.uniform(0.2, 1.4)
        while x < 66:
            width = size * rng.uniform(1.3, 1.7)
            stone = vary((158, 152, 150), rng, 22)
            pen.fill(
                box(x, y - size * 0.5, x + width - 0.8, y + size * 0.5 - 0.5, size * 0.42),
                stone,
                dark(stone, 0.4),
            )
            x += width
        size *= 1.13
        y, row = y + size * 0.98, row + 1
    return Setting(shadow=0.5)


@context("with a city in the background", 7)
def city(pen: Pen, rng: Rng) -> Setting:
    """Skyscrapers with lit windows behind a road."""
    horizon = 47
    sky(pen, vary((142, 170, 208), rng), (232, 214, 206), horizon)
    for near in (0, 1):
        x = -3.0
        while x < 66:
            width = rng.uniform(8, 13)
            top = rng.uniform(2, 18) + 7 * near
            tone = vary(((112, 126, 156), (74, 84, 112))[near], rng)
            pen.fill(box(x, top, x + width, horizon), tone, dark(tone, 0.35))
            if near or rng.chance(0.5):
                _windows(pen, rng, x, top, width, horizon)
            x += width + rng.uniform(-1, 2 + 2 * near)
    ground(pen, (120, 122, 130), (98, 100, 108), horizon)
    pen.fill(box(0, horizon, 64, horizon + 1.6), (190, 190, 194), False)
    return Setting()


def _windows(pen: Pen, rng: Rng, x: float, top: float, width: float, bottom: float) -> None:
    columns = int((width - 2) / 3)
    y = top + 2
    while y < bottom - 3:
        for column in range(columns):
            if rng.chance(0.75):
                left = x + 1.6 + 3 * column
                pen.fill(
                    box(left, y, left + 1.5, y + 2),
                    (255, 226, 130) if rng.chance(0.7) else (160, 196, 224),
                    False,
                )
        y += 3.8


@context("with a blue house in the background", 9)
def blue_house(pen: Pen, rng: Rng) -> Setting:
    """A large blue house with a red roof, white windows and a door, in a garden."""
    horizon = 46
    blue_sky(pen, rng, horizon)
    ground(pen, (126, 182, 96), (98, 156, 76), horizon)
    x = 32 + rng.sign() * rng.uniform(2, 6)
    blue = vary((44, 98, 200), rng, 12)
    left, right, eaves = x - 26, x + 26, rng.uniform(18, 21)
    pen.fill(box(left, eaves, right, horizon + 1), blue)
    for y in (eaves + 6, eaves + 12, eaves + 18, eaves + 24):
        pen.stroke([(left + 0.5, y), (right - 0.5, y)], dark(blue, 0.18), 0.5)
    pen.fill([(left - 4, eaves + 1), (x, 2), (right + 4, eaves + 1)], vary((178, 74, 52), rng))
    for wx in (left + 3.5, right - 11.5):
        pen.fill(box(wx, eaves + 6, wx + 8, eaves + 16), (250, 250, 246))
        pen.fill(box(wx + 1.2, eaves + 7.2, wx + 6.8, eaves + 14.8), (170, 214, 240), False)
        pen.stroke([(wx + 4, eaves + 7), (wx + 4, eaves + 15)], (250, 250, 246), 0.8)
    pen.oval(x, 13, 2.6, fill=(250, 250, 246))
    for bx in (1, 8, 57, 63):
        crown(pen, bx, horizon, 5, (70, 142, 66))
    return Setting()


@context("with the Eiffel Tower in the background", 13)
def eiffel_tower(pen: Pen, rng: Rng) -> Setting:
    """The tower at one side, over lawns and trees."""
    horizon = 47.0
    sky(pen, vary((150, 190, 230), rng), (246, 222, 206), horizon)
    cloud(pen, rng.uniform(6, 58), rng.uniform(5, 14), 5)
    for i in range(7):
        crown(pen, i * 11 - 1, horizon - 1, 6, vary((100, 140, 88), rng))
    ground(pen, (140, 182, 98), (112, 158, 78), horizon)
    _tower(pen, 32 + rng.sign() * rng.uniform(16, 19), horizon + 2, 45.0, vary((122, 88, 62), rng))
    return Setting()


def _tower(pen: Pen, x: float, foot: float, height: float, iron: Color) -> None:
    def half(share: float) -> float:
        # The curve of the legs: wide at the foot, slender from the second platform on.
        return height * (0.02 + 0.26 * (1 - share) ** 3.0)

    levels = [i / 10 for i in range(11)]
    right = [(x + half(s), foot - height * s) for s in levels]
    left = [(x - half(s), foot - height * s) for s in reversed(levels)]
    pen.fill(right + left, iron)
    pen.fill(
        [
            (x - height * 0.15, foot + 0.5),
            *[
                (x + height * 0.15 * c, foot - height * 0.15 * s)
                for c, s in ((-0.87, 0.5), (-0.5, 0.87), (0.0, 1.0), (0.5, 0.87), (0.87, 0.5))
            ],
            (x + height * 0.15, foot + 0.5),
        ],
        (140, 182, 98),
        dark(iron, 0.3),
    )
    for low, high in ((0.24, 0.38), (0.42, 0.56), (0.6, 0.72)):
        a, b = half(low), half(high)
        pen.stroke([(x - a, foot - height * low), (x + b, foot - height * high)], light(iron, 0.5), 0.6)
        pen.stroke([(x + a, foot - height * low), (x - b, foot - height * high)], light(iron, 0.5), 0.6)
    for share in (0.2, 0.4):
        pen.fill(
            box(
                x - half(share) - 1.2,
                foot - height * share - 1,
                x + half(share) + 1.2,
                foot - height * share + 1,
            ),
            dark(iron, 0.25),
            False,
        )
    pen.stroke([(x, foot - height), (x, foot - height - 3)], iron, 1.0)


_SKIN: tuple[Color, ...] = ((250, 210, 176), (214, 160, 118), (150, 100, 70), (236, 188, 150))
_CLOTHES: tuple[Color, ...] = (
    (204, 52, 52),
    (52, 96, 190),
    (240, 196, 60),
    (60, 146, 92),
    (128, 70, 160),
    (236, 236, 232),
    (50, 54, 64),
    (230, 120, 60),
)


def _person(pen: Pen, rng: Rng, x: float, foot: float, height: float) -> None:
    shirt, trousers = rng.pick(_CLOTHES), rng.pick(((52, 60, 84), (84, 72, 64), (40, 42, 48)))
    w = height * 0.13
    for side in (-1, 1):
        pen.fill(
            box(x + side * w * 0.5 - w * 0.4, foot - height * 0.45, x + side * w * 0.5 + w * 0.4, foot),
            trousers,
            False,
        )
    pen.fill(
        smooth(
            [
                (x - w * 1.2, foot - height * 0.42),
                (x - w * 1.3, foot - height * 0.76),
                (x, foot - height * 0.84),
                (x + w * 1.3, foot - height * 0.76),
                (x + w * 1.2, foot - height * 0.42),
            ]
        ),
        shirt,
    )
    skin, hair = rng.pick(_SKIN), rng.pick(((50, 38, 32), (110, 74, 40), (206, 166, 86), (30, 28, 32)))
    pen.oval(x, foot - height * 0.92, w * 0.95, w * 1.1, fill=skin)
    pen.fill(
        [(px, min(py, foot - height * 0.95)) for px, py in oval(x, foot - height * 0.95, w * 1.05, w)],
        hair,
        False,
    )


@context("on top of the sidewalk in a crowded street", 18)
def crowded_sidewalk(pen: Pen, rng: Rng) -> Setting:
    """Shop fronts, two rows of passers-by, and paving slabs."""
    wall = vary((214, 176, 150), rng)
    sky(pen, wall, dark(wall, 0.1), 34)
    for left in (0, 22, 44):
        shop = rng.pick(((176, 74, 60), (70, 120, 110), (66, 86, 140)))
        pen.fill(box(left + 1, 6, left + 20, 34), light(wall, 0.4))
        pen.fill(box(left, 4, left + 21, 10), shop)
    ground(pen, (176, 174, 172), (198, 196, 194), 34)
    for joint in (-30, -8, 14, 50, 72, 94):
        pen.stroke([(32 + (joint - 32) * 0.5, 36), (joint, 66)], (146, 144, 144), 0.7)
    for y in (39, 45, 53):
        pen.stroke([(0, y), (64, y)], (146, 144, 144), 0.7)
    for i in range(10):
        _person(pen, rng, i * 7 + rng.uniform(-2, 2), 36 + rng.uniform(-1, 1), rng.uniform(21, 25))
    for x in (rng.uniform(1, 6), rng.uniform(11, 15), rng.uniform(49, 53), rng.uniform(58, 63)):
        _person(pen, rng, x, rng.uniform(42, 46), rng.uniform(32, 36))
    return Setting()
