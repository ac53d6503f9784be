"""The can: a tin with a label and an emblem on it."""

from __future__ import annotations

from miniature.world.canvas import Paint, Pen
from miniature.world.painter_registry import Hue, Kind, Parameter, Real, even, maybe, painter, surface
from miniature.world.palette import Color, apart, dark, light
from miniature.world.pose import Dress, Pose
from miniature.world.shapes import box, heart, oval, smooth, star, tube
from miniature.world.vectors import Vector

PRIOR: dict[str, Parameter] = {
    **surface(),
    "emblem": Kind(even("disc", "star", "whale", "wave", "leaf", "heart", "text"), weight=3.0),
    "emblem_hue": Hue(
        even("red", "orange", "yellow", "green", "blue", "purple", "white", "black", "pink"), weight=2.0
    ),
    "panel": maybe(0.6),
    "panel_hue": Hue(
        {"white": 3.0, "yellow": 1.0, "black": 1.0, "tan": 1.0, "turquoise": 1.0, "pink": 1.0}, weight=1.5
    ),
    "tab": maybe(0.7),
    "text_lines": Kind({"none": 1.0, "above": 1.0, "below": 1.0, "both": 1.0}),
    "width": Real(0.52, 0.74),
    "neck": Real(0.82, 0.97),
}
_TIN: Color = (196, 200, 208)


def _whale(pen: Pen, color: Color, size: float) -> None:
    pen.fill(
        smooth(
            [
                (-0.9 * size, 0.1 * size),
                (-0.3 * size, 0.65 * size),
                (0.4 * size, 0.35 * size),
                (0.8 * size, 0.75 * size),
                (1.0 * size, 0.5 * size),
                (0.6 * size, -0.1 * size),
                (0, -0.55 * size),
                (-0.7 * size, -0.4 * size),
            ]
        ),
        color,
    )
    pen.oval(-0.5 * size, 0.05 * size, 0.12 * size, fill=(255, 255, 255), outline=False)


def _leaf(pen: Pen, color: Color, size: float) -> None:
    pen.fill(smooth([(0, -size), (0.7 * size, -0.1 * size), (0, size), (-0.7 * size, -0.1 * size)]), color)
    pen.stroke([(0, -size), (0, 0.6 * size)], dark(color, 0.4), 0.8)


def _mark(pen: Pen, v: Vector, size: float, ground: Color) -> None:
    """The emblem around the pen's origin."""
    kind, color = v.word("emblem"), apart(v.hue("emblem_hue"), ground, 0.3)
    if kind == "disc":
        pen.oval(0, 0, size * 0.9, fill=color)
        pen.oval(0, 0, size * 0.45, fill=light(color, 0.6), outline=False)
    elif kind == "star":
        pen.fill(star(0, 0, size * 1.15), color)
    elif kind == "whale":
        _whale(pen, color, size)
    elif kind == "wave":
        for y in (-0.55, 0.0, 0.55):
            pen.fill(
                tube(
                    [
                        (-size, y * size),
                        (-size / 2, (y + 0.3) * size),
                        (0, y * size),
                        (size / 2, (y + 0.3) * size),
                        (size, y * size),
                    ],
                    0.3 * size,
                ),
                color,
                False,
            )
    elif kind == "leaf":
        _leaf(pen, color, size)
    elif kind == "heart":
        pen.fill(heart(0, 0, size), color)
    else:
        for y, half in ((0.5, 0.9), (0.0, 0.6), (-0.5, 0.8)):
            pen.fill(box(-half * size, (y - 0.16) * size, half * size, (y + 0.16) * size), color, False)


def _label(pen: Pen, v: Vector, size: float) -> None:
    ground = v.hue("main")
    if v.has("panel"):
        ground = apart(v.hue("panel_hue"), ground)
        pen.fill(oval(0, 0, size * 1.35, size * 1.3), ground)
    _mark(pen, v, size, ground)


def _emblem(pen: Pen, v: Vector) -> None:
    pen.fill(box(-1, 0.8, 1, 1), _TIN)
    pen.fill(box(-1, -1, 1, -0.86), _TIN)
    _label(pen.at(0, -0.05), v, 0.5)


@painter("can", PRIOR, _emblem, flips=False, size=1.05)
def can(pen: Pen, v: Vector, pose: Pose, dress: Dress) -> None:
    """Draw a can, its lid seen slightly from above."""
    w, neck = v.num("width") / 2, v.num("neck")
    side = [(-w, 0.1), (-w * 0.9, 0.03), (0, -0.02), (w * 0.9, 0.03), (w, 0.1)]
    pen.fill([*side, (w, 0.82), (w * neck, 0.93), (-w * neck, 0.93), (-w, 0.82)], _TIN)
    lower = [(-w, 0.12), (-w * 0.6, 0.07), (0, 0.05), (w * 0.6, 0.07), (w, 0.12)]
    upper = [(w, 0.82), (w * 0.6, 0.77), (0, 0.75), (-w * 0.6, 0.77), (-w, 0.82)]
    pen.fill(lower + upper, v.paint(0.17))
    _label(pen.at(0, 0.43), v, w * 0.58)
    lines = v.word("text_lines")
    ink = apart(v.hue("emblem_hue"), v.hue("main"), 0.3)
    if lines in ("above", "both"):
        pen.fill(box(-w * 0.6, 0.67, w * 0.6, 0.72), ink, False)
    if lines in ("below", "both"):
        pen.fill(box(-w * 0.6, 0.13, w * 0.6, 0.18), ink, False)
    pen.oval(0, 0.93, w * neck, 0.075, fill=Paint(light(_TIN, 0.4), _TIN))
    pen.oval(0, 0.93, w * neck * 0.78, 0.048, fill=dark(_TIN, 0.18), outline=False)
    if v.has("tab"):
        pen.oval(0.02, 0.935, 0.1, 0.03, fill=light(_TIN, 0.5))
    pen.fill(
        [(-w * 0.82, 0.15), (-w * 0.62, 0.12), (-w * 0.62, 0.72), (-w * 0.82, 0.75)],
        light(v.hue("main"), 0.45),
        False,
    )
