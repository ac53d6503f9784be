"""The official contexts of floors, cloth, rugs and the mirror."""

from __future__ import annotations

from miniature.world.canvas import Pen
from miniature.world.palette import dark, light
from miniature.world.rng import Rng
from miniature.world.scenery import folds, ground, planks, rug, sky, vary
from miniature.world.shapes import box, tube
from miniature.world.surroundings import Setting, context


@context("on top of pink fabric", 5)
def pink_fabric(pen: Pen, rng: Rng) -> Setting:
    """Draped pink cloth that fills the frame."""
    pink = vary((246, 136, 182), rng, 8)
    sky(pen, light(pink, 0.18), dark(pink, 0.05), 64)
    folds(pen, rng, pink, 7)
    return Setting(shadow=0.36)


@context("on top of a wooden floor", 6)
def wooden_floor(pen: Pen, rng: Rng) -> Setting:
    """Brown boards that run away to a pale wall."""
    horizon = rng.uniform(17, 22)
    wall = vary(rng.pick(((236, 228, 212), (214, 222, 214), (226, 218, 226))), rng, 5)
    sky(pen, wall, dark(wall, 0.05), horizon)
    pen.fill(box(0, horizon - 3, 64, horizon + 0.5), (250, 248, 242), dark(wall, 0.25))
    planks(pen, rng, horizon, vary((172, 112, 62), rng, 10))
    return Setting()


@context("on top of a mirror", 17)
def mirror(pen: Pen, rng: Rng) -> Setting:
    """A framed mirror that lies on a dark table, with streaks of light and the subject's reflection."""
    wall = vary((96, 84, 104), rng)
    sky(pen, wall, dark(wall, 0.2), 30)
    ground(pen, dark(wall, 0.35), dark(wall, 0.5), 30)
    gold = vary((222, 176, 84), rng)
    pen.fill([(8, 33), (56, 33), (64, 64), (0, 64)], gold)
    pen.fill([(10.5, 35.5), (53.5, 35.5), (60, 61), (4, 61)], (200, 226, 240), dark(gold, 0.4))
    for x in (rng.uniform(8, 16), rng.uniform(40, 50)):
        pen.fill([(x, 61), (x + 4, 61), (x + 13, 36), (x + 10.5, 36)], (228, 242, 250), False)
    return Setting(ground=47.0, scale=0.88, shadow=0.15, mirrored=True)


@context("on top of a white rug", 20)
def white_rug(pen: Pen, rng: Rng) -> Setting:
    """A tufted white rug on a gray-blue floor before a warm wall."""
    horizon = rng.uniform(26, 31)
    wall = vary((200, 150, 120), rng)
    sky(pen, wall, dark(wall, 0.08), horizon)
    pen.fill(box(0, horizon - 2.4, 64, horizon), light(wall, 0.6), False)
    ground(pen, (112, 92, 84), (92, 74, 68), horizon)
    rug(pen, 32, 53, 31, 10, (248, 247, 243), tufted=True)
    for _ in range(26):
        x, y = rng.uniform(6, 58), rng.uniform(46, 60)
        pen.fill(tube([(x, y), (x + rng.uniform(-1, 1), y + 1.8)], 0.6), (222, 220, 214), False)
    return Setting()
