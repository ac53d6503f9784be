"""The official contexts in which the subject floats."""

from __future__ import annotations

from collections.abc import Callable

from miniature.world.canvas import Pen
from miniature.world.palette import Color
from miniature.world.rng import Rng
from miniature.world.scenery import blue_sky, ground, sky, vary, waves
from miniature.world.shapes import smooth
from miniature.world.surroundings import Setting, context


@context("floating on top of water", 14)
def water(pen: Pen, rng: Rng) -> Setting:
    """Blue water with small crests up to the horizon; the subject sinks in a little."""
    horizon = rng.uniform(16, 21)
    blue_sky(pen, rng, horizon)
    ground(pen, (28, 94, 168), (44, 136, 206), horizon)
    waves(pen, rng, horizon + 3, (150, 206, 240), 22)
    line = rng.uniform(51, 53)
    return Setting(
        ground=line + 6,
        shadow=0.0,
        liquid=(40, 124, 196),
        waterline=line,
        front=_ripples((196, 230, 250), line),
    )


@context("floating in an ocean of milk", 15)
def milk(pen: Pen, rng: Rng) -> Setting:
    """Thick white swells under a warm sky, drops in the air; the subject sinks in a little."""
    horizon = rng.uniform(18, 23)
    sky(pen, vary((236, 176, 170), rng), (250, 222, 196), horizon)
    ground(pen, (250, 246, 236), (255, 253, 246), horizon)
    for i, y in enumerate((horizon, horizon + 8, horizon + 18, horizon + 30)):
        rise = 1.5 + i
        shift = rng.uniform(-8, 8)
        swell = [
            (-12, 72),
            (-12, y),
            *[(x + shift, y + (rise if k % 2 else -rise)) for k, x in enumerate((-4, 10, 24, 40, 54, 70))],
            (76, 72),
        ]
        pen.fill(smooth(swell), ((246, 238, 224), (252, 247, 238))[i % 2], (228, 212, 190))
    for _ in range(6):
        pen.oval(
            rng.uniform(3, 61),
            rng.uniform(horizon - 8, horizon + 6),
            rng.uniform(0.8, 1.7),
            fill=(255, 252, 244),
            outline=(232, 216, 194),
        )
    line = rng.uniform(50, 52)
    return Setting(
        ground=line + 7,
        shadow=0.0,
        liquid=(254, 250, 241),
        waterline=line,
        front=_ripples((230, 214, 192), line),
    )


def _ripples(color: Color, line: float) -> Callable[[Pen, Rng], None]:
    def front(pen: Pen, rng: Rng) -> None:
        for dy, half in ((0.5, 24), (3.5, 28), (7, 31)):
            lean = rng.uniform(-2, 2)
            pen.arc(32 + lean, line + dy, half * rng.uniform(0.9, 1.05), 2.6, 0.06, 0.44, color, 0.9)

    return front
