"""The boot: seen from its side, toe to the right, always."""

from __future__ import annotations

from miniature.world.canvas import Pen
from miniature.world.painter_registry import Hue, Kind, Parameter, Real, even, painter, surface
from miniature.world.palette import apart, dark, light
from miniature.world.pose import Dress, Pose
from miniature.world.shapes import box, fluffy, smooth, star, tube
from miniature.world.vectors import Vector

PRIOR: dict[str, Parameter] = {
    **surface(),
    "sole_hue": Hue(
        {"black": 3.0, "brown": 3.0, "tan": 1.0, "white": 1.0, "red": 0.5, "yellow": 0.5}, weight=2.0
    ),
    "heel": Kind({"flat": 2.0, "block": 2.0, "high": 1.5}, weight=2.0),
    "toe": Kind({"round": 3.0, "pointed": 2.0}, weight=1.5),
    "cuff": Kind({"none": 2.0, "fur": 1.5, "band": 1.5}, weight=1.5),
    "cuff_hue": Hue(even("white", "tan", "brown", "yellow", "red", "grey")),
    "detail": Kind({"none": 1.5, "laces": 2.0, "fringe": 1.5, "buckle": 1.5, "star": 1.0}, weight=3.0),
    "shaft": Real(0.88, 1.06),
    "width": Real(0.9, 1.2),
}


def _detail(pen: Pen, v: Vector, left: float, right: float, top: float) -> None:
    """Laces, fringe, buckle or star on a shaft between left and right, up to top."""
    kind, main = v.word("detail"), v.hue("main")
    ink = apart(v.hue("accent"), main, 0.25)
    middle = (left + right) / 2
    if kind == "laces":
        for y in (0.34, 0.46, 0.58, 0.7):
            pen.fill(tube([(right - 0.17, y), (right + 0.02, y + 0.05)], 0.055), ink, dark(main, 0.55))
    elif kind == "fringe":
        # Slats in turn lighter and darker, so that they still read as a fringe at the final size.
        count = 7
        step = (right - left + 0.1) / count
        for i in range(count):
            x = left - 0.05 + step * i
            tone = light(main, 0.25) if i % 2 else dark(main, 0.2)
            pen.fill(
                [
                    (x, top * 0.62),
                    (x + step, top * 0.62),
                    (x + step * 0.85, 0.2 + 0.05 * (i % 2)),
                    (x - 0.01, 0.2 + 0.05 * (i % 2)),
                ],
                tone,
                dark(main, 0.4),
            )
    elif kind == "buckle":
        pen.fill([(left - 0.01, 0.36), (right + 0.03, 0.34), (right + 0.02, 0.44), (left, 0.46)], ink)
        pen.fill(box(middle - 0.07, 0.33, middle + 0.09, 0.48, 0.02), (240, 200, 70))
    elif kind == "star":
        pen.fill(star(middle, top * 0.68, 0.13), ink)


def _emblem(pen: Pen, v: Vector) -> None:
    pen.fill(box(-1, -1, 1, -0.66), v.hue("sole_hue"))
    if v.word("cuff") != "none":
        pen.fill(box(-1, 0.66, 1, 1), v.hue("cuff_hue"))
    _detail(pen.at(0, -0.85, 0, 1.9), v, -0.35, 0.35, 0.86)


@painter("boot", PRIOR, _emblem, flips=False, size=1.06)
def boot(pen: Pen, v: Vector, pose: Pose, dress: Dress) -> None:
    """Draw a boot from the side."""
    w, top, heel = 0.24 * v.num("width"), 0.98 * v.num("shaft"), v.word("heel")
    middle, lift = -0.16, {"flat": 0.07, "block": 0.1, "high": 0.17}[heel]
    left, right = middle - w, middle + w
    pointed = v.word("toe") == "pointed"
    toe = [(0.52, 0.1), (0.36, 0.26)] if pointed else [(0.44, 0.1), (0.44, 0.22), (0.34, 0.31)]
    ankle = [(right + 0.1, 0.37), (right + 0.01, 0.48)]
    outline = [
        (left + 0.02, lift),
        (left - 0.02, 0.3),
        (left + 0.01, 0.6),
        (left - 0.02, top),
        (right + 0.02, top),
        (right, 0.7),
        *ankle[::-1],
        *toe[::-1],
        (0.1, 0.08),
    ]
    curve = smooth(outline)
    pen.fill(curve, v.paint(0.19))
    pen.fill(
        [(left - 0.015, top), (right + 0.015, top), (right - 0.03, top + 0.045), (left + 0.03, top + 0.045)],
        dark(v.hue("main"), 0.55),
    )
    _detail(pen, v, left, right, top)
    if v.word("cuff") == "fur":
        pen.fill(fluffy(middle, top - 0.04, w + 0.09, 0.11, 10, 0.2), v.hue("cuff_hue"))
    elif v.word("cuff") == "band":
        pen.fill(box(left - 0.05, top - 0.13, right + 0.05, top + 0.02, 0.03), v.hue("cuff_hue"))
    sole, tip = v.hue("sole_hue"), (0.57, 0.09) if pointed else (0.5, 0.1)
    pen.fill([(0.0, 0.0), (0.06, 0.08), tip, (tip[0] - 0.01, 0.0)], sole)
    if heel == "flat":
        pen.fill([(left - 0.03, 0.0), (left - 0.03, 0.1), (0.1, 0.09), (0.1, 0.0)], sole)
    else:
        foot = 0.1 if heel == "high" else 0.02
        pen.fill(
            [
                (left - 0.02, lift + 0.06),
                (0.08, 0.07),
                (0.0, lift - 0.02),
                (middle + 0.1 - foot, 0.0),
                (left + foot, 0.0),
            ],
            sole,
        )
