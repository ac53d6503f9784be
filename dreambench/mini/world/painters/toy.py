"""The toy: a duck, a robot, a monster, a car, or a smiling mascot; the kind is part of the vector."""

from __future__ import annotations

from collections.abc import Callable

from dreambench.mini.world.canvas import Pen
from dreambench.mini.world.palette import INK, Colour, apart, dark, light
from dreambench.mini.world.pose import Dress, Pose
from dreambench.mini.world.registry import Hue, Kind, Parameter, Real, even, maybe, painter, surface
from dreambench.mini.world.shapes import Points, box, fluffy, lathe, oval, smooth, star, tube
from dreambench.mini.world.vectors import Vector

PRIOR: dict[str, Parameter] = {
    **surface(),
    "kind": Kind({"duck": 2.0, "robot": 2.0, "monster": 2.0, "car": 2.0, "mascot": 2.0}, weight=6.0),
    "trim_hue": Hue(even("red", "orange", "yellow", "green", "blue", "turquoise", "purple", "pink", "grey", "black", "white"), weight=2.0),
    "part": Kind(even("plain", "crest", "dome", "spikes"), weight=1.5),
    "eyes": Kind({"round": 2.0, "visor": 1.0, "stalks": 1.0}, weight=1.5),
    "mouth": Kind(even("smile", "teeth")),
    "panel": Kind(even("none", "disc", "star"), weight=1.0),
    "rider": maybe(0.35),
    "bow": maybe(0.25),
    "width": Real(0.9, 1.1),
}
_WHITE: Colour = (255, 255, 255)


def _eye(pen: Pen, x: float, y: float, r: float, look: float = 0.0) -> None:
    pen.oval(x, y, r, r * 1.08, fill=_WHITE)
    pen.oval(x + look * r * 0.3, y - r * 0.06, r * 0.52, fill=INK, outline=False)


def _panel(pen: Pen, v: Vector, x: float, y: float, r: float) -> None:
    colour = apart(v.hue("trim_hue"), v.hue("main"))
    if v.word("panel") == "disc":
        pen.oval(x, y, r, fill=colour)
    elif v.word("panel") == "star":
        pen.fill(star(x, y, r * 1.25), colour)


def _crest(pen: Pen, v: Vector, x: float, y: float) -> None:
    """The part on top of a head whose top is at (x, y)."""
    part, colour = v.word("part"), v.hue("trim_hue")
    if part == "crest":
        pen.fill(smooth([(x - 0.06, y - 0.03), (x - 0.09, y + 0.09), (x, y + 0.05), (x + 0.05, y + 0.11), (x + 0.07, y - 0.03)]), colour)
    elif part == "dome":
        pen.stroke([(x, y - 0.03), (x, y + 0.07)], INK, 1.1)
        pen.oval(x, y + 0.08, 0.055, fill=colour)
    elif part == "spikes":
        pen.fill([(x - 0.17, y - 0.06), (x - 0.12, y + 0.07), (x - 0.05, y), (x, y + 0.1), (x + 0.05, y), (x + 0.12, y + 0.07), (x + 0.17, y - 0.06)], colour)


def _duck(pen: Pen, v: Vector, pose: Pose) -> None:
    w, main, beak = v.num("width"), v.hue("main"), apart(v.hue("trim_hue"), v.hue("main"), 0.25)
    body: Points = smooth([(-0.52 * w, 0.5), (-0.47 * w, 0.2), (-0.2 * w, 0.02), (0.22 * w, 0.02), (0.45 * w, 0.22), (0.4 * w, 0.45), (0.1 * w, 0.5), (-0.22 * w, 0.38)])
    pen.fill(body, v.paint(0.18))
    pen.fill(smooth([(-0.32 * w, 0.3), (0.05, 0.36), (0.14, 0.24), (-0.05, 0.13), (-0.25 * w, 0.18)]), dark(main, 0.1))
    head = pen.at(0.2 * w, 0.7, pose.tilt * 8)
    _crest(head, v, -0.02, 0.26)
    if v.has("bow"):
        pen.fill(tube([(0.02, 0.47), (0.2, 0.42), (0.38, 0.48)], 0.08), beak)
    head.oval(0, 0, 0.265, fill=main)
    head.fill(smooth([(0.12, 0.02), (0.3, 0.05), (0.42, -0.0), (0.3, -0.12), (0.14, -0.12)]), beak)
    head.stroke([(0.17, -0.04), (0.38, -0.02)], dark(beak, 0.5), 0.8)
    for x in (0.0, 0.2):
        _eye(head, x, 0.09, 0.08 if x else 0.09, 0.6)


def _robot(pen: Pen, v: Vector, pose: Pose) -> None:
    w, main, trim = v.num("width"), v.hue("main"), apart(v.hue("trim_hue"), v.hue("main"))
    for side in (-1, 1):
        pen.fill(box(side * 0.15 * w - 0.09, 0.08, side * 0.15 * w + 0.09, 0.3), dark(main, 0.3))
        pen.fill(box(side * 0.17 * w - 0.14, 0.0, side * 0.17 * w + 0.13, 0.12, 0.05), trim)
        lift = 0.12 * pose.swing * side
        pen.fill(tube([(side * 0.28 * w, 0.53), (side * 0.44 * w, 0.44), (side * 0.44 * w, 0.26 + lift)], 0.12, curved=False), dark(main, 0.18))
        pen.oval(side * 0.44 * w, 0.23 + lift, 0.085, fill=trim)
    pen.fill(box(-0.29 * w, 0.22, 0.29 * w, 0.6, 0.07), v.paint(0.16))
    _panel(pen, v, 0, 0.41, 0.11)
    head = pen.at(0, 0.77, pose.tilt * 6)
    if v.word("part") == "plain":
        for side in (-1, 1):
            head.fill(box(side * 0.31 - 0.05, -0.08, side * 0.31 + 0.05, 0.08, 0.03), trim)
    _crest(head, v, 0, 0.2)
    head.fill(box(-0.29, -0.17, 0.29, 0.19, 0.12 if v.word("part") == "dome" else 0.06), light(main, 0.1))
    _robot_face(head, v, pose.turn)


def _robot_face(pen: Pen, v: Vector, look: float) -> None:
    if v.word("eyes") == "visor":
        pen.fill(box(-0.23, -0.04, 0.23, 0.13, 0.07), INK)
        for side in (-1, 1):
            pen.oval(side * 0.1 + look * 0.03, 0.045, 0.05, fill=(110, 220, 255), outline=False)
    else:
        for side in (-1, 1):
            _eye(pen, side * 0.13, 0.05, 0.085, look)
    if v.word("mouth") == "smile":
        pen.arc(0, -0.05, 0.12, 0.07, 0.53, 0.97, INK)
    else:
        pen.fill(box(-0.13, -0.13, 0.13, -0.06), light(v.hue("main"), 0.7))


def _monster_face(pen: Pen, v: Vector, look: float) -> None:
    for side in (-1, 1):
        _eye(pen, side * 0.15, 0.08, 0.12, look)
    pen.fill(smooth([(-0.2, -0.1), (0.2, -0.1), (0.13, -0.26), (-0.13, -0.26)]), (110, 20, 44), INK)
    if v.word("mouth") == "teeth":
        for x in (-0.1, 0.02):
            pen.fill([(x, -0.1), (x + 0.08, -0.1), (x + 0.04, -0.18)], _WHITE, False)


def _monster(pen: Pen, v: Vector, pose: Pose) -> None:
    w, main, trim = v.num("width"), v.hue("main"), apart(v.hue("trim_hue"), v.hue("main"))
    for side in (-1, 1):
        pen.fill(tube([(side * 0.18 * w, 0.2), (side * 0.24 * w, 0.05)], 0.14, 0.16), main)
        pen.oval(side * 0.26 * w, 0.04, 0.11, 0.055, fill=trim)
        pen.fill(tube([(side * 0.26 * w, 0.48), (side * 0.45 * w, 0.36), (side * 0.47 * w, 0.18 + 0.14 * pose.swing * side)], 0.11), main)
        pen.oval(side * 0.47 * w, 0.17 + 0.14 * pose.swing * side, 0.075, fill=trim)
        if v.word("eyes") != "stalks":
            pen.fill([(side * 0.3 * w, 0.76), (side * 0.34 * w, 1.0), (side * 0.12 * w, 0.86)], trim)
    _crest(pen, v, 0, 0.9)
    pen.fill(fluffy(0, 0.5, 0.34 * w, 0.41, 12, 0.14), v.paint(0.18))
    pen.oval(0, 0.27, 0.19 * w, 0.14, fill=trim, outline=False)
    _panel(pen, v, 0, 0.27, 0.09)
    if v.word("eyes") == "stalks":
        for side in (-1, 1):
            pen.oval(side * 0.17, 0.88, 0.135, fill=main)
            _eye(pen, side * 0.17, 0.89, 0.09, pose.turn)
        pen.arc(0, 0.62, 0.2, 0.12, 0.52, 0.98, INK, 1.2)
    else:
        _monster_face(pen.at(0, 0.66), v, pose.turn)


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
    car.fill(smooth([(-0.62, 0.2), (-0.6, 0.46), (-0.3, 0.51), (0.24, 0.49), (0.56, 0.4), (0.64, 0.24), (0.58, 0.13), (-0.56, 0.12)]), v.paint(0.17))
    car.fill(box(-0.6, 0.15, 0.62, 0.22, 0.03), trim)
    _panel(car, v, -0.02, 0.35, 0.09)
    car.oval(0.57, 0.33, 0.055, 0.065, fill=(255, 244, 160))
    for x in (-0.35, 0.36):
        car.oval(x, 0.15, 0.17, 0.16, fill=INK)
        car.oval(x, 0.15, 0.08, 0.075, fill=(200, 204, 212), outline=False)


def _mascot(pen: Pen, v: Vector, pose: Pose) -> None:
    """A round smiling swirl: three rings, one on the other, and a big face."""
    w, main = v.num("width"), v.hue("main")
    if v.word("part") == "plain":
        pen.fill(lathe([(0.3 * w, 0.02), (0.43 * w, 0.26), (0.4 * w, 0.56), (0.2 * w, 0.84), (0.0, 0.89)]), v.paint(0.18))
    else:
        tip = pose.swing * 0.04
        pen.fill(smooth([(-0.14, 0.72), (0.0, 0.86), (0.05 + tip, 0.99), (0.17 + tip, 0.86), (0.15, 0.72)]), light(main, 0.12))
        pen.fill(box(-0.29 * w, 0.5, 0.29 * w, 0.78, 0.14), light(main, 0.06))
        pen.fill(box(-0.4 * w, 0.26, 0.4 * w, 0.56, 0.15), v.paint(0.18))
        pen.fill(box(-0.5 * w, 0.0, 0.5 * w, 0.31, 0.155), v.paint(0.18))
    _mascot_face(pen.at(0, 0.38, pose.tilt * 5), v, pose.turn)


def _mascot_face(pen: Pen, v: Vector, look: float) -> None:
    for side in (-1, 1):
        _eye(pen, side * 0.16, 0.13, 0.125, look)
    smile = [(-0.21, -0.08), (0.21, -0.08), (0.13, -0.23), (0, -0.27), (-0.13, -0.23)]
    pen.fill(smile, _WHITE if v.word("mouth") == "teeth" else (140, 30, 50), INK)


_KINDS: dict[str, Callable[[Pen, Vector, Pose], None]] = {"duck": _duck, "robot": _robot, "monster": _monster, "car": _car, "mascot": _mascot}


def _emblem(pen: Pen, v: Vector) -> None:
    kind = v.word("kind")
    big = pen.at(0, 0, 0, 2.6)
    if kind == "duck":
        for x in (-0.14, 0.14):
            _eye(big, x, 0.14, 0.09, 0.0)
        big.fill(smooth([(-0.2, -0.05), (0.2, -0.05), (0.14, -0.18), (-0.14, -0.18)]), apart(v.hue("trim_hue"), v.hue("main"), 0.25))
    elif kind == "robot":
        _crest(big, v, 0, 0.4)
        _robot_face(big, v, 0.0)
    elif kind == "monster":
        _crest(big, v, 0, 0.4)
        _monster_face(big.at(0, 0.06), v, 0.0)
    elif kind == "mascot":
        _mascot_face(big, v, 0.0)
    else:
        big.fill(box(-0.28, 0.1, 0.28, 0.3, 0.05), (190, 226, 244))
        for x in (-0.24, 0.24):
            big.oval(x, -0.06, 0.08, fill=(255, 244, 160))
            big.oval(x, -0.38, 0.12, fill=INK)


@painter("toy", PRIOR, _emblem, size=1.02)
def toy(pen: Pen, v: Vector, pose: Pose, dress: Dress) -> None:
    """Draw the toy of the vector's kind."""
    _KINDS[v.word("kind")](pen, v, pose)
