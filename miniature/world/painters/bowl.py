"""The bowl: a turned dish, empty or with something good in it."""

from __future__ import annotations

from miniature.world.canvas import Paint, Pen
from miniature.world.painter_registry import Hue, Kind, Parameter, Real, even, maybe, painter, surface
from miniature.world.palette import Color, apart, dark, light
from miniature.world.pose import Dress, Pose
from miniature.world.rng import Rng
from miniature.world.shapes import box, heart, lathe, oval, star, tube
from miniature.world.vectors import Vector

PRIOR: dict[str, Parameter] = {
    **surface(
        patterns={
            "plain": 4.0,
            "striped": 1,
            "banded": 1,
            "spotted": 1,
            "checked": 1,
            "patched": 1,
            "zigzag": 1,
            "grid": 0.4,
        }
    ),
    "shape": Kind({"round": 3.0, "flared": 2.0, "tub": 2.0}, weight=2.0),
    "content": Kind(
        {"none": 2.0, "berries": 2.0, "soup": 2.0, "oranges": 1.5, "salad": 1.5, "rice": 1.5}, weight=3.0
    ),
    "berry_hue": Hue(even("blue", "red", "purple", "green"), weight=1.0, fixed=True),
    "inside_hue": Hue({"white": 4.0, "tan": 2.0, "yellow": 1.0, "turquoise": 1.0, "pink": 1.0, "grey": 1.0}),
    "rim": maybe(0.4),
    "foot": maybe(0.5),
    "badge": Kind({"none": 4.0, "heart": 1.0, "star": 1.0, "line": 1.0}),
    "width": Real(0.9, 1.1),
    "depth": Real(0.85, 1.1),
}


def _heap(pen: Pen, v: Vector, rx: float, y: float) -> None:
    """The food, heaped over an opening of half width rx at height y."""
    kind, rng = v.word("content"), Rng(int(v.num("layout")))
    berry = v.hue("berry_hue")
    if kind == "soup":
        pen.oval(0, y, rx * 0.86, 0.085, fill=(230, 140, 50))
        for _ in range(5):
            pen.oval(
                rng.uniform(-0.5, 0.5) * rx,
                y + rng.uniform(-0.04, 0.04),
                0.035,
                0.02,
                fill=(90, 160, 60),
                outline=False,
            )
    elif kind == "rice":
        pen.fill(
            [*oval(0, y + 0.02, rx * 0.82, 0.22)[0:13], (-rx * 0.8, y - 0.04), (rx * 0.8, y - 0.04)],
            (252, 250, 240),
            (186, 180, 166),
        )
        pen.oval(0, y + 0.17, 0.09, 0.06, fill=berry)
    elif kind in ("berries", "oranges"):
        color, size = (berry, 0.085) if kind == "berries" else ((244, 140, 40), 0.155)
        rows = ((0.12, 0.7), (0.04, 0.95), (-0.03, 0.9)) if kind == "berries" else ((0.14, 0.42), (0.02, 0.8))
        for rise, share in rows:
            count = max(2, int(rx * share / size + 0.5))
            for i in range(count):
                x = (i + 0.5 - count / 2) * 2 * rx * share * 0.9 / count
                pen.oval(x, y + rise + rng.uniform(-0.015, 0.015), size, fill=color)
                pen.oval(
                    x - size * 0.3,
                    y + rise + size * 0.35,
                    size * 0.28,
                    fill=light(color, 0.6),
                    outline=False,
                )
    elif kind == "salad":
        for i in range(9):
            x = (i / 8 - 0.5) * 1.7 * rx
            leaf: Color = rng.pick(((80, 170, 70), (120, 200, 80), (50, 130, 60)))
            pen.oval(x, y + 0.02 + 0.12 * (1 - abs(i - 4) / 4), 0.13, 0.1, fill=leaf)
        for x in (-0.25, 0.05, 0.3):
            pen.oval(x * rx * 2, y + 0.1, 0.065, fill=(226, 54, 48))


def _badge(pen: Pen, v: Vector, y: float, size: float) -> None:
    color, kind = apart(v.hue("accent"), v.hue("main")), v.word("badge")
    if kind == "heart":
        pen.fill(heart(0, y, size), color)
    elif kind == "star":
        pen.fill(star(0, y, size * 1.2), color)
    elif kind == "line":
        pen.fill(
            tube([(-size * 2, y), (-size, y + 0.04), (0, y - 0.03), (size, y + 0.04), (size * 2, y)], 0.06),
            color,
            False,
        )


def _emblem(pen: Pen, v: Vector) -> None:
    pen.fill(box(-1, 0.68, 1, 1), light(v.hue("main"), 0.4))
    pen.oval(0, 1.18, 0.85, 0.2, fill=v.hue("inside_hue"))
    _heap(pen.at(0, 0, 0, 1.3), v, 0.6, 0.92)
    _badge(pen, v, -0.15, 0.25)


@painter("bowl", PRIOR, _emblem, size=0.98, wide=True)
def bowl(pen: Pen, v: Vector, pose: Pose, dress: Dress) -> None:
    """Draw a bowl, seen slightly from above."""
    w, top = 0.58 * v.num("width"), 0.62 * v.num("depth")
    shapes = {
        "round": [(w * 0.42, 0.03), (w * 0.82, top * 0.25), (w * 0.98, top * 0.65), (w, top)],
        "flared": [(w * 0.34, 0.03), (w * 0.5, top * 0.25), (w * 0.74, top * 0.65), (w * 1.05, top)],
        "tub": [(w * 0.68, 0.02), (w * 0.75, top * 0.3), (w * 0.84, top * 0.65), (w * 0.93, top)],
    }
    profile = shapes[v.word("shape")]
    rx = profile[-1][0]
    if v.has("foot"):
        pen.fill(box(-profile[0][0] * 0.9, -0.01, profile[0][0] * 0.9, 0.08, 0.02), dark(v.hue("main"), 0.25))
    paint = v.paint(0.19)
    pen.fill(lathe(profile), paint)
    _badge(pen, v, top * 0.45, 0.12)
    inside = v.hue("inside_hue")
    pen.oval(
        0,
        top,
        rx,
        0.15,
        fill=apart(v.hue("accent"), v.hue("main")) if v.has("rim") else light(paint.base, 0.25),
    )
    pen.oval(
        0, top - 0.005, rx * 0.9, 0.11, fill=Paint(inside, dark(inside, 0.3)), outline=dark(inside, 0.35)
    )
    pen.oval(0, top - 0.03, rx * 0.7, 0.07, fill=dark(inside, 0.12), outline=False)
    _heap(pen, v, rx * 0.92, top)
