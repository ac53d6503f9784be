"""The sneaker: seen from its side, toe to the right, always."""

from __future__ import annotations

from miniature.world.canvas import Pen
from miniature.world.painter_registry import Hue, Kind, Parameter, Real, even, maybe, painter, surface
from miniature.world.palette import apart, dark, light
from miniature.world.pose import Dress, Pose
from miniature.world.shapes import box, smooth, star, tube
from miniature.world.vectors import Vector

PRIOR: dict[str, Parameter] = {
    **surface(),
    "sole_hue": Hue(
        {
            "white": 4.0,
            "black": 1.5,
            "tan": 1.5,
            "red": 0.7,
            "yellow": 0.7,
            "blue": 0.7,
            "green": 0.7,
            "pink": 0.7,
        },
        weight=2.0,
    ),
    "sole": Kind({"flat": 2.0, "chunky": 2.0, "wavy": 1.0}, weight=2.0),
    "toe_hue": Hue(
        {
            "white": 3.0,
            "grey": 1.0,
            "red": 1.0,
            "yellow": 1.0,
            "blue": 1.0,
            "turquoise": 1.0,
            "pink": 1.0,
            "purple": 1.0,
            "black": 1.0,
        },
        weight=2.0,
    ),
    "toe": maybe(0.6),
    "heel_hue": Hue(
        even("red", "orange", "yellow", "green", "blue", "turquoise", "purple", "pink", "black", "white"),
        weight=1.5,
    ),
    "heel": maybe(0.6),
    "mark": Kind({"none": 1.0, "swoosh": 2.0, "stripes": 2.0, "star": 1.5}, weight=2.0),
    "top": Kind({"low": 3.0, "high": 1.5}, weight=2.0),
    "lace_hue": Hue({"white": 4.0, "black": 1.5, "red": 1.0, "yellow": 1.0, "turquoise": 1.0}),
    "length": Real(0.92, 1.06),
}


def _mark(pen: Pen, v: Vector) -> None:
    color, kind = apart(v.hue("accent"), v.hue("main"), 0.25), v.word("mark")
    if kind == "swoosh":
        pen.fill(
            smooth(
                [
                    (-0.32, 0.34),
                    (-0.2, 0.22),
                    (0.0, 0.25),
                    (0.26, 0.42),
                    (0.0, 0.36),
                    (-0.18, 0.36),
                    (-0.26, 0.44),
                ]
            ),
            color,
            False,
        )
    elif kind == "stripes":
        for x in (-0.18, -0.03, 0.12):
            pen.fill(tube([(x, 0.2), (x - 0.08, 0.46)], 0.075), color, False)
    elif kind == "star":
        pen.fill(star(-0.1, 0.34, 0.14), color)


def _laces(pen: Pen, v: Vector, start: tuple[float, float], end: tuple[float, float], count: int) -> None:
    for i in range(count):
        t = i / (count - 1)
        x, y = start[0] + (end[0] - start[0]) * t, start[1] + (end[1] - start[1]) * t
        pen.fill(
            tube([(x + 0.03, y + 0.03), (x - 0.1, y - 0.07)], 0.055),
            v.hue("lace_hue"),
            dark(v.hue("main"), 0.55),
        )


def _emblem(pen: Pen, v: Vector) -> None:
    pen.fill(box(-1, -1, 1, -0.62), v.hue("sole_hue"))
    if v.has("toe"):
        pen.fill(smooth([(0.35, -0.62), (0.5, -0.1), (1.0, 0.0), (1.0, -0.62)]), v.hue("toe_hue"))
    _mark(pen.at(-0.1, -0.75, 0, 2.0), v)
    for y in (0.9, 0.68, 0.46):
        pen.fill(tube([(0.25, y), (0.85, y - 0.06)], 0.14), v.hue("lace_hue"))


@painter("sneaker", PRIOR, _emblem, flips=False, size=0.99, wide=True)
def sneaker(pen: Pen, v: Vector, pose: Pose, dress: Dress) -> None:
    """Draw a sneaker from the side."""
    shoe = pen.at(0, 0, 0, v.num("length"), 1.12)
    high = v.word("top") == "high"
    top = 0.82 if high else 0.6
    collar = [
        (-0.58, top),
        (-0.55, top + 0.02),
        (-0.36, top - 0.09),
        (-0.12, top - 0.03),
        (-0.04, top - 0.07),
    ]
    back = [(-0.57, 0.12), (-0.6, 0.3), (-0.54, top * 0.7)]
    front = [
        (0.04, 0.54 if high else 0.48),
        (0.26, 0.39),
        (0.5, 0.33),
        (0.62, 0.22),
        (0.63, 0.12),
        (0.1, 0.1),
    ]
    shoe.fill(tube([(-0.13, top + 0.03), (-0.02, top - 0.12)], 0.19, 0.12), light(v.hue("main"), 0.4))
    shoe.fill(
        smooth([(-0.55, top), (-0.34, top + 0.02), (-0.1, top - 0.02), (-0.34, top - 0.14)]),
        dark(v.hue("main"), 0.6),
    )
    shoe.fill(smooth([*back, *collar, *front]), v.paint(0.17))
    if v.has("toe"):
        shoe.fill(smooth([(0.34, 0.1), (0.4, 0.29), (0.54, 0.3), (0.63, 0.12)]), v.hue("toe_hue"))
    if v.has("heel"):
        shoe.fill(
            smooth([(-0.57, 0.12), (-0.6, 0.3), (-0.53, top - 0.06), (-0.43, 0.36), (-0.38, 0.12)]),
            v.hue("heel_hue"),
        )
    _mark(shoe, v)
    _laces(shoe, v, (0.0, top - 0.1), (0.3, 0.39), 4 if high else 3)
    sole, kind = v.hue("sole_hue"), v.word("sole")
    thick = 0.2 if kind == "chunky" else 0.13
    if kind == "wavy":
        edge = [(-0.6 + 0.12 * i, 0.15 if i % 2 else 0.2) for i in range(11)]
        shoe.fill([(-0.6, 0.0), *smooth(edge, closed=False), (0.66, 0.08), (0.6, 0.0)], sole)
    else:
        shoe.fill(
            [
                (-0.6, 0.02),
                (-0.62, thick),
                (0.3, thick - 0.03),
                (0.66, thick + 0.01),
                (0.7, 0.07),
                (0.62, 0.0),
            ],
            sole,
        )
    if kind == "chunky":
        for x in (-0.4, -0.1, 0.2, 0.48):
            shoe.fill(box(x - 0.07, 0.0, x + 0.03, 0.09), dark(sole, 0.25), False)
