"""The backpack: a bag with straps, a handle, a zip and a front pocket, or an animal's face."""

from __future__ import annotations

from miniature.world.canvas import Pen
from miniature.world.painter_registry import Hue, Kind, Parameter, Real, even, maybe, painter, surface
from miniature.world.palette import INK, apart, dark, light
from miniature.world.pose import Dress, Pose
from miniature.world.shapes import Points, box, heart, oval, smooth, star, tube
from miniature.world.vectors import Vector

PRIOR: dict[str, Parameter] = {
    **surface(),
    "shape": Kind({"round": 2.0, "square": 2.0, "tapered": 1.5}, weight=2.0),
    "front": Kind({"pocket": 3.0, "two pockets": 2.0, "flap": 2.0, "face": 1.5}, weight=3.0),
    "pocket_hue": Hue(
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
            "tan",
            "black",
            "white",
        ),
        weight=2.0,
    ),
    "badge": Kind({"none": 3.0, "star": 1.0, "heart": 1.0, "dot": 1.0}),
    "ears": maybe(0.15),
    "side_pockets": maybe(0.4),
    "width": Real(0.68, 0.86),
    "strap_hue": Hue(even("black", "brown", "blue", "grey", "yellow", "red")),
}


def _bag(v: Vector) -> Points:
    w, kind = v.num("width") / 2, v.word("shape")
    if kind == "square":
        return box(-w, 0.02, w, 0.9, 0.12)
    if kind == "tapered":
        return smooth(
            [
                (-w, 0.04),
                (-w * 0.98, 0.4),
                (-w * 0.7, 0.84),
                (0, 0.92),
                (w * 0.7, 0.84),
                (w * 0.98, 0.4),
                (w, 0.04),
                (0, 0.01),
            ]
        )
    return [
        *box(-w, 0.02, w, 0.5, 0.14)[10:],
        *smooth([(w, 0.5), (w * 0.9, 0.76), (0, 0.93), (-w * 0.9, 0.76), (-w, 0.5)], closed=False),
    ]


def _badge(pen: Pen, v: Vector, x: float, y: float, size: float) -> None:
    color = apart(v.hue("accent"), v.hue("pocket_hue"))
    kind = v.word("badge")
    if kind == "star":
        pen.fill(star(x, y, size), color)
    elif kind == "heart":
        pen.fill(heart(x, y, size * 0.9), color)
    elif kind == "dot":
        pen.oval(x, y, size * 0.8, fill=color)


def _front(pen: Pen, v: Vector, w: float) -> None:
    """What is on the bag's front, for a front from -w to w and from 0 to 0.9."""
    kind, pocket = v.word("front"), apart(v.hue("pocket_hue"), v.hue("main"))
    zip_hue = light(v.hue("strap_hue"), 0.5)
    if kind == "face":
        pen.oval(0, 0.27, w * 0.62, 0.2, fill=pocket)
        for side in (-1, 1):
            pen.oval(side * w * 0.45, 0.57, 0.085, 0.1, fill=INK, outline=False)
            pen.oval(side * w * 0.45 - 0.025, 0.61, 0.032, fill=(255, 255, 255), outline=False)
        pen.oval(0, 0.38, 0.1, 0.07, fill=INK, outline=False)
        pen.arc(0, 0.27, w * 0.35, 0.1, 0.52, 0.98, INK)
        pen.oval(w * 0.22, 0.14, 0.055, 0.06, fill=(236, 90, 110))
        return
    if kind == "flap":
        flap = smooth([(-w, 0.82), (0, 0.92), (w, 0.82), (w * 0.97, 0.52), (0, 0.4), (-w * 0.97, 0.52)])
        pen.fill(flap, pocket)
        pen.fill(box(-0.06, 0.3, 0.06, 0.5, 0.02), v.hue("strap_hue"))
        _badge(pen, v, 0, 0.64, 0.11)
        return
    pen.arc(0, 0.56, w * 0.78, 0.24, 0.02, 0.48, zip_hue, 1.1)
    halves = ((-w * 0.78, w * 0.78),) if kind == "pocket" else ((-w * 0.84, -w * 0.06), (w * 0.06, w * 0.84))
    for left, right in halves:
        pen.fill(box(left, 0.1, right, 0.44, 0.08), pocket)
        pen.stroke([(left + 0.04, 0.36), (right - 0.04, 0.36)], apart(zip_hue, pocket), 1.1)
    _badge(pen, v, 0, 0.22 if kind == "pocket" else 0.62, 0.1)


def _emblem(pen: Pen, v: Vector) -> None:
    pen.fill(tube([(-0.3, 0.95), (-0.25, 1.25), (0.25, 1.25), (0.3, 0.95)], 0.13), v.hue("strap_hue"))
    if v.has("ears"):
        _ears(pen.at(0, -0.95, 0, 2.1), v, 0.45)
    _front(pen.at(0, -0.95, 0, 2.1), v, 0.44)


def _ears(pen: Pen, v: Vector, w: float) -> None:
    for side in (-1, 1):
        pen.oval(side * w * 0.82, 0.78, 0.13, 0.17, fill=dark(v.hue("main"), 0.25))


@painter("backpack", PRIOR, _emblem)
def backpack(pen: Pen, v: Vector, pose: Pose, dress: Dress) -> None:
    """Draw a backpack from the front."""
    w, strap = v.num("width") / 2, v.hue("strap_hue")
    for side in (-1, 1):
        pen.fill(tube([(side * w * 0.7, 0.74), (side * (w + 0.12), 0.5), (side * w * 0.95, 0.1)], 0.1), strap)
    pen.fill(tube([(-0.13, 0.86), (-0.11, 1.0), (0.11, 1.0), (0.13, 0.86)], 0.065), strap)
    if v.has("side_pockets"):
        for side in (-1, 1):
            pen.fill(oval(side * w, 0.24, 0.1, 0.2), dark(v.hue("main"), 0.2))
    pen.fill(_bag(v), v.paint(0.2))
    if v.has("ears"):
        _ears(pen, v, w)
    _front(pen, v, w)
