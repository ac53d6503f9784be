"""The toy: a duck, a robot, a monster, a car, or a smiling mascot; the kind is part of the vector."""

from __future__ import annotations

from collections.abc import Callable

from miniature.world.canvas import Pen
from miniature.world.painter_registry import Hue, Kind, Parameter, Real, even, maybe, painter, surface
from miniature.world.painters.toy_figures import (
    crest,
    eye,
    monster,
    monster_face,
    panel,
    robot,
    robot_face,
)
from miniature.world.palette import INK, Color, apart, dark, light
from miniature.world.pose import Dress, Pose
from miniature.world.shapes import Points, box, lathe, oval, smooth, tube
from miniature.world.vectors import Vector

PRIOR: dict[str, Parameter] = {
    **surface(),
    "kind": Kind({"duck": 2.0, "robot": 2.0, "monster": 2.0, "car": 2.0, "mascot": 2.0}, weight=6.0),
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
            "grey",
            "black",
            "white",
        ),
        weight=2.0,
    ),
    "part": Kind(even("plain", "crest", "dome", "spikes"), weight=1.5),
    "eyes": Kind({"round": 2.0, "visor": 1.0, "stalks": 1.0}, weight=1.5),
    "mouth": Kind(even("smile", "teeth")),
    "panel": Kind(even("none", "disc", "star"), weight=1.0),
    "rider": maybe(0.35),
    "bow": maybe(0.25),
    "width": Real(0.9, 1.1),
}
_WHITE: Color = (255, 255, 255)


def _duck(pen: Pen, v: Vector, pose: Pose) -> None:
    w, main, beak = v.num("width"), v.hue("main"), apart(v.hue("trim_hue"), v.hue("main"), 0.25)
    body: Points = smooth(
        [
            (-0.52 * w, 0.5),
            (-0.47 * w, 0.2),
            (-0.2 * w, 0.02),
            (0.22 * w, 0.02),
            (0.45 * w, 0.22),
            (0.4 * w, 0.45),
            (0.1 * w, 0.5),
            (-0.22 * w, 0.38),
        ]
    )
    pen.fill(body, v.paint(0.18))
    pen.fill(
        smooth([(-0.32 * w, 0.3), (0.05, 0.36), (0.14, 0.24), (-0.05, 0.13), (-0.25 * w, 0.18)]),
        dark(main, 0.1),
    )
    head = pen.at(0.2 * w, 0.7, pose.tilt * 8)
    crest(head, v, -0.02, 0.26)
    if v.has("bow"):
        pen.fill(tube([(0.02, 0.47), (0.2, 0.42), (0.38, 0.48)], 0.08), beak)
    head.oval(0, 0, 0.265, fill=main)
    head.fill(smooth([(0.12, 0.02), (0.3, 0.05), (0.42, -0.0), (0.3, -0.12), (0.14, -0.12)]), beak)
    head.stroke([(0.17, -0.04), (0.38, -0.02)], dark(beak, 0.5), 0.8)
    for x in (0.0, 0.2):
        eye(head, x, 0.09, 0.08 if x else 0.09, 0.6)


def _car(pen: Pen, v: Vector, pose: Pose) -> None:
    w, trim = v.num("width"), apart(v.hue("trim_hue"), v.hue("main"))
    car = pen.at(0, 0, 0, w, 1.06)
    if v.word("part") != "plain":
        car.stroke([(-0.45, 0.5), (-0.47, 0.92)], INK, 0.9)
        car.oval(-0.47, 0.92, 0.045, fill=trim)
    if v.has("rider"):
        car.oval(-0.05, 0.68, 0.15, fill=(244, 200, 160))
        car.fill([*oval(-0.05, 0.71, 0.16, 0.15)[0:13], (-0.22, 0.7), (0.14, 0.7)], trim)
        for x in (-0.04, 0.05):
            car.oval(x, 0.65, 0.025, 0.035, fill=INK, outline=False)
        car.fill(smooth([(0.1, 0.46), (0.2, 0.62), (0.27, 0.46)]), (190, 226, 244))
    else:
        car.fill(smooth([(-0.36, 0.46), (-0.26, 0.76), (0.1, 0.77), (0.28, 0.46)]), trim)
        car.fill(smooth([(-0.26, 0.48), (-0.19, 0.68), (0.06, 0.69), (0.19, 0.48)]), (190, 226, 244))
    car.fill(
        smooth(
            [
                (-0.62, 0.2),
                (-0.6, 0.46),
                (-0.3, 0.51),
                (0.24, 0.49),
                (0.56, 0.4),
                (0.64, 0.24),
                (0.58, 0.13),
                (-0.56, 0.12),
            ]
        ),
        v.paint(0.17),
    )
    car.fill(box(-0.6, 0.15, 0.62, 0.22, 0.03), trim)
    panel(car, v, -0.02, 0.35, 0.09)
    car.oval(0.57, 0.33, 0.055, 0.065, fill=(255, 244, 160))
    for x in (-0.35, 0.36):
        car.oval(x, 0.15, 0.17, 0.16, fill=INK)
        car.oval(x, 0.15, 0.08, 0.075, fill=(200, 204, 212), outline=False)


def _mascot(pen: Pen, v: Vector, pose: Pose) -> None:
    """A round smiling swirl: three rings, one on the other, and a big face."""
    w, main = v.num("width"), v.hue("main")
    if v.word("part") == "plain":
        pen.fill(
            lathe([(0.3 * w, 0.02), (0.43 * w, 0.26), (0.4 * w, 0.56), (0.2 * w, 0.84), (0.0, 0.89)]),
            v.paint(0.18),
        )
    else:
        tip = pose.swing * 0.04
        pen.fill(
            smooth([(-0.14, 0.72), (0.0, 0.86), (0.05 + tip, 0.99), (0.17 + tip, 0.86), (0.15, 0.72)]),
            light(main, 0.12),
        )
        pen.fill(box(-0.29 * w, 0.5, 0.29 * w, 0.78, 0.14), light(main, 0.06))
        pen.fill(box(-0.4 * w, 0.26, 0.4 * w, 0.56, 0.15), v.paint(0.18))
        pen.fill(box(-0.5 * w, 0.0, 0.5 * w, 0.31, 0.155), v.paint(0.18))
    _mascot_face(pen.at(0, 0.38, pose.tilt * 5), v, pose.turn)


def _mascot_face(pen: Pen, v: Vector, look: float) -> None:
    for side in (-1, 1):
        eye(pen, side * 0.16, 0.13, 0.125, look)
    smile = [(-0.21, -0.08), (0.21, -0.08), (0.13, -0.23), (0, -0.27), (-0.13, -0.23)]
    pen.fill(smile, _WHITE if v.word("mouth") == "teeth" else (140, 30, 50), INK)


_KINDS: dict[str, Callable[[Pen, Vector, Pose], None]] = {
    "duck": _duck,
    "robot": robot,
    "monster": monster,
    "car": _car,
    "mascot": _mascot,
}


def _emblem(pen: Pen, v: Vector) -> None:
    kind = v.word("kind")
    big = pen.at(0, 0, 0, 2.6)
    if kind == "duck":
        for x in (-0.14, 0.14):
            eye(big, x, 0.14, 0.09, 0.0)
        big.fill(
            smooth([(-0.2, -0.05), (0.2, -0.05), (0.14, -0.18), (-0.14, -0.18)]),
            apart(v.hue("trim_hue"), v.hue("main"), 0.25),
        )
    elif kind == "robot":
        crest(big, v, 0, 0.4)
        robot_face(big, v, 0.0)
    elif kind == "monster":
        crest(big, v, 0, 0.4)
        monster_face(big.at(0, 0.06), v, 0.0)
    elif kind == "mascot":
        _mascot_face(big, v, 0.0)
    else:
        big.fill(box(-0.28, 0.1, 0.28, 0.3, 0.05), (190, 226, 244))
        for x in (-0.24, 0.24):
            big.oval(x, -0.06, 0.08, fill=(255, 244, 160))
            big.oval(x, -0.38, 0.12, fill=INK)


@painter("toy", PRIOR, _emblem, size=1.02, wide=True)
def toy(pen: Pen, v: Vector, pose: Pose, dress: Dress) -> None:
    """Draw the toy of the vector's kind."""
    _KINDS[v.word("kind")](pen, v, pose)
