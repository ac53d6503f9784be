"""The glasses: frames of many shapes, lenses clear, tinted or dark."""

from __future__ import annotations

from miniature.world.canvas import Pen
from miniature.world.painter_registry import Hue, Kind, Parameter, Real, maybe, painter, surface
from miniature.world.palette import dark, light, mix
from miniature.world.pose import Dress, Pose
from miniature.world.shapes import Points, box, heart, oval, shift, smooth, star, tube
from miniature.world.vectors import Vector

PRIOR: dict[str, Parameter] = {
    **surface(patterns={"plain": 5.0, "striped": 1, "spotted": 1.5, "checked": 1, "patched": 1.5}),
    "shape": Kind(
        {"round": 2.0, "square": 2.0, "cat-eye": 1.5, "aviator": 1.5, "heart": 1.0, "star": 1.0}, weight=4.0
    ),
    "lens_hue": Hue(
        {
            "black": 2.5,
            "blue": 1.5,
            "pink": 1.5,
            "yellow": 1.0,
            "green": 1.0,
            "purple": 1.0,
            "orange": 1.0,
            "white": 2.0,
        },
        weight=3.0,
    ),
    "fade": maybe(0.4),
    "thickness": Real(0.7, 1.3, weight=1.5),
    "lens": Real(0.9, 1.08),
    "brow": maybe(0.25),
    "studs": maybe(0.2),
}


def _lens(v: Vector, r: float) -> Points:
    """The right lens around the origin, its outer side to the right."""
    kind = v.word("shape")
    if kind == "square":
        return box(-r * 1.05, -r * 0.8, r * 1.05, r * 0.75, r * 0.3)
    if kind == "cat-eye":
        return smooth(
            [
                (-r, r * 0.4),
                (0, r * 0.68),
                (r * 1.3, r * 1.05),
                (r * 1.05, 0),
                (r * 0.4, -r * 0.75),
                (-r * 0.6, -r * 0.62),
            ]
        )
    if kind == "aviator":
        return smooth(
            [
                (-r * 0.9, r * 0.75),
                (r * 0.9, r * 0.75),
                (r * 1.1, r * 0.2),
                (r * 0.55, -r * 0.95),
                (-r * 0.25, -r * 0.9),
                (-r * 0.95, r * 0.1),
            ]
        )
    if kind == "heart":
        return shift(heart(0, 0, 1), 0, 0, r * 1.15)
    if kind == "star":
        return star(0, -r * 0.05, r * 1.3, 0.58)
    return oval(0, 0, r)


def _pair(pen: Pen, v: Vector, r: float, gap: float) -> None:
    """Both lenses and the bridge around the pen's origin."""
    frame, tint = v.paint(0.13), v.hue("lens_hue")
    rim = 1.0 + 0.24 * v.num("thickness")
    pen.fill(
        tube([(-gap * 0.45, r * 0.15), (0, r * 0.32), (gap * 0.45, r * 0.15)], 0.09 * v.num("thickness")),
        frame.base,
    )
    if v.has("brow"):
        pen.fill(tube([(-gap, r * 1.02), (gap, r * 1.02)], 0.07), frame.base)
    for side in (-1, 1):
        half = pen.affine(side, 0, 0, 1, side * gap, 0)
        half.fill(_lens(v, r * rim), frame)
        half.fill(_lens(v, r * 0.94), tint, dark(frame.base, 0.5))
        if v.has("fade"):
            half.fill(
                smooth(
                    [
                        (-r * 0.66, -r * 0.1),
                        (0, r * 0.0),
                        (r * 0.66, -r * 0.1),
                        (r * 0.4, -r * 0.55),
                        (-r * 0.4, -r * 0.55),
                    ]
                ),
                mix(tint, (255, 255, 255), 0.5),
                False,
            )
        shine = pen.at(side * gap, 0)
        shine.fill(tube([(-r * 0.45, -r * 0.05), (-r * 0.1, r * 0.45)], r * 0.2), light(tint, 0.75), False)
        if v.has("studs"):
            half.oval(r * 1.0, r * 0.62, 0.05, fill=(250, 220, 110))


def _emblem(pen: Pen, v: Vector) -> None:
    pen.fill(box(-1.06, -0.62, 1.06, 0.62, 0.3), light(v.hue("main"), 0.72))
    _pair(pen, v, 0.38, 0.53)


@painter("glasses", PRIOR, _emblem, size=0.95, wide=True)
def glasses(pen: Pen, v: Vector, pose: Pose, dress: Dress) -> None:
    """Draw a pair of glasses standing on its rims, the arms folded back behind it."""
    r, gap = 0.245 * v.num("lens"), 0.345
    middle = r * 1.28
    arm = dark(v.hue("main"), 0.12)
    for side in (-1, 1):
        hinge = (side * (gap + r * 0.95), middle + r * 0.5)
        back = (side * (gap + r * 0.75), middle + r * 1.9)
        pen.fill(
            tube(
                [
                    hinge,
                    (side * (gap + r * 1.0), middle + r * 1.75),
                    back,
                    (back[0] - side * 0.14, back[1] + 0.02),
                ],
                0.075 * v.num("thickness") + 0.02,
            ),
            arm,
        )
    _pair(pen.at(0, middle), v, r, gap)
