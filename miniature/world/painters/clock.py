"""The clock: an alarm clock, a wall clock or a mantel clock; the dial is its face."""

from __future__ import annotations

from miniature.world.canvas import Pen
from miniature.world.painter_registry import Hue, Kind, Parameter, Real, even, painter, surface
from miniature.world.palette import INK, PAPER, apart, dark, light
from miniature.world.pose import Dress, Pose
from miniature.world.shapes import Point, arc, box, lathe, spin, tube
from miniature.world.vectors import Vector

PRIOR: dict[str, Parameter] = {
    **surface(),
    "kind": Kind({"alarm": 3.0, "wall": 1.5, "square": 1.5, "mantel": 1.5}, weight=3.0),
    "dial_hue": Hue(
        {"white": 4.0, "tan": 2.0, "black": 2.0, "yellow": 2.0, "turquoise": 1.0, "pink": 1.0, "blue": 1.0},
        weight=2.5,
    ),
    "ticks": Kind({"four": 1.0, "twelve": 1.5, "dots": 1.0, "none": 0.5}),
    "hour": Real(0.0, 12.0),
    "minute": Real(0.0, 60.0, weight=0.5),
    "hand_hue": Hue({"black": 4.0, "red": 1.5, "blue": 1.0, "brown": 1.0}),
    "face": Kind({"no": 4.0, "yes": 1.0}),
    "rim": Real(0.75, 0.86),
    "bell_hue": Hue(even("yellow", "grey", "red", "blue", "brown", "turquoise")),
}


def _toward(turn: float, radius: float) -> Point:
    """The point at ``turn`` (clockwise from noon) on a circle."""
    c, s = spin(0.25 - turn)
    return radius * c, radius * s


def _dial(pen: Pen, v: Vector, r: float) -> None:
    """The dial, its marks and hands around the pen's origin."""
    ground = v.hue("dial_hue")
    ink = apart(v.hue("hand_hue"), ground, 0.4)
    pen.oval(0, 0, r, fill=ground)
    marks = {"four": 4, "twelve": 12, "dots": 8, "none": 0}[v.word("ticks")]
    for i in range(marks):
        x, y = _toward(i / marks, r * 0.8)
        if v.word("ticks") == "dots":
            pen.oval(x, y, r * 0.08, fill=ink, outline=False)
        else:
            pen.stroke([(x, y), _toward(i / marks, r * 0.93)], ink, 1.3 if marks == 4 or i % 3 == 0 else 0.7)
    if v.has("face"):
        for side in (-1, 1):
            pen.oval(side * r * 0.36, r * 0.22, r * 0.12, r * 0.15, fill=INK, outline=False)
        pen.arc(0, -r * 0.2, r * 0.34, r * 0.26, 0.53, 0.97, INK)
    hour, minute = v.num("hour") / 12, v.num("minute") / 60
    pen.fill(tube([(0, 0), _toward(hour, r * 0.52)], r * 0.15), ink, False)
    pen.fill(tube([(0, 0), _toward(minute, r * 0.74)], r * 0.1), ink, False)
    pen.oval(0, 0, r * 0.11, fill=ink, outline=False)


def _emblem(pen: Pen, v: Vector) -> None:
    if v.word("kind") == "alarm":
        for side in (-1, 1):
            pen.oval(side * 0.5, 1.15, 0.34, 0.25, fill=v.hue("bell_hue"))
    _dial(pen, v, 0.82)


def _alarm(pen: Pen, v: Vector, swing: float) -> None:
    bell, r = v.hue("bell_hue"), 0.41
    for side in (-1, 1):
        pen.fill(tube([(side * 0.2, 0.15), (side * 0.33, 0.01)], 0.09), dark(bell, 0.2))
        cap = pen.at(side * 0.25, 0.83, side * -32)
        cap.fill([*arc(0, 0, 0.19, 0.19, 0.0, 0.5), (-0.19, -0.03), (0.19, -0.03)], bell)
    pen.fill(tube([(0, 0.85), (swing * 0.06, 1.0)], 0.09), dark(bell, 0.4))
    pen.oval(0, 0.46, r, fill=v.paint(0.17))


def _body(pen: Pen, v: Vector, swing: float) -> Point:
    """Draw the case and return the dial's height and half width."""
    kind, paint = v.word("kind"), v.paint(0.17)
    if kind == "alarm":
        _alarm(pen, v, swing)
        return 0.46, 0.41
    if kind == "wall":
        pen.oval(0, 0.48, 0.48, fill=paint)
        return 0.48, 0.48
    if kind == "square":
        pen.fill(box(-0.45, 0.03, 0.45, 0.93, 0.12), paint)
        for side in (-1, 1):
            pen.fill(box(side * 0.28 - 0.07, -0.02, side * 0.28 + 0.07, 0.06), dark(paint.base, 0.4))
        return 0.48, 0.43
    pen.fill(
        lathe([(0.5, 0.0), (0.5, 0.12), (0.36, 0.18), (0.4, 0.5), (0.36, 0.82), (0.16, 0.98), (0.0, 1.02)]),
        paint,
    )
    pen.fill(box(-0.54, 0.0, 0.54, 0.13, 0.03), dark(paint.base, 0.25))
    return 0.57, 0.36


@painter("clock", PRIOR, _emblem, flips=False)
def clock(pen: Pen, v: Vector, pose: Pose, dress: Dress) -> None:
    """Draw a clock, its dial towards the viewer."""
    y, r = _body(pen, v, pose.swing)
    face = pen.at(0, y)
    _dial(face, v, r * v.num("rim"))
    face.arc(
        0,
        0,
        r * 0.62,
        r * 0.62,
        0.3,
        0.42,
        light(v.hue("dial_hue"), 0.7) if v.hue("dial_hue") != PAPER else PAPER,
        1.0,
    )
