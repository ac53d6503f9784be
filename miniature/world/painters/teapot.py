"""The teapot: spout to the right, handle to the left, always."""

from __future__ import annotations

from miniature.world.canvas import Pen
from miniature.world.painter_registry import Hue, Kind, Parameter, Real, even, maybe, painter, surface
from miniature.world.palette import apart, dark, light
from miniature.world.pose import Dress, Pose
from miniature.world.shapes import Point, box, heart, lathe, oval, star, tube
from miniature.world.vectors import Vector

PRIOR: dict[str, Parameter] = {
    **surface(),
    "shape": Kind(even("round", "squat", "tall", "pear"), weight=2.0),
    "handle": Kind({"loop": 3.0, "top": 1.5, "square": 1.5}, weight=2.0),
    "spout": Kind({"curved": 2.0, "straight": 1.5}, weight=1.0),
    "trim_hue": Hue(
        even(
            "red",
            "orange",
            "yellow",
            "green",
            "blue",
            "turquoise",
            "purple",
            "pink",
            "brown",
            "white",
            "black",
        ),
        weight=2.0,
    ),
    "trim": maybe(0.5),
    "knob": Kind({"ball": 2.0, "cone": 1.0, "heart": 1.0}),
    "foot": maybe(0.5),
    "badge": Kind({"none": 2.0, "flower": 1.5, "heart": 1.0, "star": 1.0}, weight=1.5),
    "steam": maybe(0.2),
    "width": Real(0.92, 1.08),
}
_PROFILES: dict[str, list[Point]] = {
    "round": [(0.2, 0.05), (0.36, 0.16), (0.42, 0.36), (0.34, 0.58), (0.17, 0.68)],
    "squat": [(0.28, 0.05), (0.46, 0.16), (0.47, 0.34), (0.34, 0.5), (0.17, 0.56)],
    "tall": [(0.24, 0.05), (0.29, 0.25), (0.33, 0.5), (0.28, 0.72), (0.15, 0.8)],
    "pear": [(0.28, 0.05), (0.43, 0.18), (0.42, 0.34), (0.24, 0.58), (0.16, 0.72)],
}


def _badge(pen: Pen, v: Vector, y: float, size: float) -> None:
    color, kind = apart(v.hue("accent"), v.hue("main"), 0.25), v.word("badge")
    if kind == "flower":
        pen.fill(star(0, y, size * 1.25, 0.6, 6), color)
        pen.oval(0, y, size * 0.4, fill=(250, 206, 80), outline=False)
    elif kind == "heart":
        pen.fill(heart(0, y, size), color)
    elif kind == "star":
        pen.fill(star(0, y, size * 1.2), color)


def _knob(pen: Pen, v: Vector, y: float, size: float = 1.0) -> None:
    color, kind = apart(v.hue("trim_hue"), v.hue("main"), 0.1), v.word("knob")
    if kind == "ball":
        pen.oval(0, y + 0.05 * size, 0.075 * size, fill=color)
    elif kind == "cone":
        pen.fill([(-0.07 * size, y), (0.07 * size, y), (0, y + 0.16 * size)], color)
    else:
        pen.fill(heart(0, y + 0.07 * size, 0.09 * size), color)


def _emblem(pen: Pen, v: Vector) -> None:
    part = apart(v.hue("trim_hue"), v.hue("main"), 0.1) if v.has("trim") else dark(v.hue("main"), 0.15)
    pen.fill(tube([(0.9, -0.3), (1.2, 0.0), (1.35, 0.5)], 0.36, 0.22), part)
    pen.fill(tube([(-0.95, 0.5), (-1.4, 0.4), (-1.4, -0.4), (-0.95, -0.5)], 0.2), part)
    pen.oval(0, 1.12, 0.7, 0.2, fill=part)
    _knob(pen, v, 1.22, 2.2)
    _badge(pen, v, -0.05, 0.45)


def _handle(pen: Pen, v: Vector, r: float, top: float) -> None:
    part = apart(v.hue("trim_hue"), v.hue("main"), 0.1) if v.has("trim") else dark(v.hue("main"), 0.12)
    kind = v.word("handle")
    if kind == "top":
        pen.fill(
            tube(
                [
                    (-r * 0.75, top * 0.8),
                    (-r * 0.75, top + 0.22),
                    (0, top + 0.4),
                    (r * 0.75, top + 0.22),
                    (r * 0.75, top * 0.8),
                ],
                0.075,
            ),
            part,
        )
    elif kind == "square":
        pen.fill(
            tube(
                [
                    (-r * 0.7, top * 0.86),
                    (-r - 0.2, top * 0.86),
                    (-r - 0.2, top * 0.3),
                    (-r * 0.8, top * 0.3),
                ],
                0.085,
                curved=False,
            ),
            part,
        )
    else:
        pen.fill(
            tube(
                [
                    (-r * 0.6, top * 0.84),
                    (-r - 0.16, top * 0.9),
                    (-r - 0.2, top * 0.5),
                    (-r * 0.8, top * 0.24),
                ],
                0.09,
            ),
            part,
        )
    x = r * 0.75
    if v.word("spout") == "curved":
        pen.fill(
            tube(
                [(x, top * 0.38), (x + 0.2, top * 0.5), (x + 0.24, top * 0.82), (x + 0.38, top * 1.0)],
                0.2,
                0.09,
            ),
            part,
        )
    else:
        pen.fill(tube([(x, top * 0.45), (x + 0.36, top * 0.95)], 0.22, 0.09), part)


@painter("teapot", PRIOR, _emblem, flips=False, size=1.04, wide=True)
def teapot(pen: Pen, v: Vector, pose: Pose, dress: Dress) -> None:
    """Draw a teapot from the side."""
    main = v.hue("main")
    profile = [(r * v.num("width"), y) for r, y in _PROFILES[v.word("shape")]]
    r, top = max(x for x, _ in profile), profile[-1][1]
    # Spout and handle reach further on a wide pot: keep the whole within the frame.
    pot = pen.at(-0.05, 0, 0, min(1.0, 1.26 / (2 * r + 0.58)))
    _handle(pot, v, r, top)
    if v.has("foot"):
        pot.fill(box(-r * 0.6, -0.01, r * 0.6, 0.09, 0.03), dark(main, 0.3))
    pot.fill(lathe(profile), v.paint(0.18))
    if v.has("trim"):
        pot.fill(oval(0, top - 0.02, 0.25, 0.06), v.hue("trim_hue"))
    pot.fill(
        [(-0.2, top), *[(x, top + 0.02 + y) for x, y in oval(0, 0, 0.2, 0.11)[12::-1]], (0.2, top)],
        light(main, 0.12),
    )
    _knob(pot, v, top + 0.1)
    _badge(pot, v, top * 0.5, 0.12)
    pot.fill(tube([(-r * 0.6, top * 0.45), (-r * 0.5, top * 0.7)], 0.07), light(main, 0.6), False)
    if v.has("steam"):
        for x in (-0.08, -0.2):
            steam = [(r + 0.33 + x, top + 0.09), (r + 0.29 + x, top + 0.18), (r + 0.35 + x, top + 0.27)]
            pot.fill(tube(steam, 0.05), (244, 246, 250), False)
