"""The cartoon: a drawn character in flat colors and a thick black line."""

from __future__ import annotations

from miniature.world.canvas import Pen
from miniature.world.painter_registry import Hue, Kind, Parameter, Real, even, maybe, painter, surface
from miniature.world.palette import VIVID, Color, apart, dark
from miniature.world.pose import Dress, Pose
from miniature.world.shapes import Points, box, oval, smooth, star, tube
from miniature.world.vectors import Vector

_BLACK: Color = (12, 10, 14)
_WHITE: Color = (255, 255, 255)

PRIOR: dict[str, Parameter] = {
    **surface(
        {**even(*VIVID), "white": 0.7, "grey": 0.7, "brown": 0.7, "black": 0.5},
        patterns={"plain": 6.0, "spotted": 1.0, "striped": 0.7, "banded": 0.7, "patched": 0.7},
    ),
    "body": Kind(even("round", "pear", "tall", "square", "drop"), weight=3.0),
    "top": Kind({"horns": 1.5, "antennae": 1.0, "ears": 1.0, "tuft": 1.0, "none": 0.7}, weight=3.0),
    "top_hue": Hue(even("yellow", "white", "black", "red", "purple", "turquoise"), weight=1.5),
    "eyes": Kind({"two": 3.0, "one": 1.2, "three": 0.8}, weight=2.0),
    "eye_size": Real(0.8, 1.25, weight=1.5),
    "mouth": Kind(even("smile", "teeth", "open", "frown", "tiny"), weight=2.0),
    "brows": maybe(0.35),
    "belly": maybe(0.4),
    "tail": maybe(0.35),
    "legs": Real(0.7, 1.15),
    "cheeks": maybe(0.3),
    "width": Real(0.9, 1.15),
}


def _body(v: Vector) -> Points:
    w, kind = v.num("width"), v.word("body")
    if kind == "round":
        return oval(0, 0.5, 0.38 * w, 0.37)
    if kind == "pear":
        return smooth(
            [
                (-0.2 * w, 0.84),
                (-0.27 * w, 0.6),
                (-0.39 * w, 0.3),
                (-0.24 * w, 0.12),
                (0.24 * w, 0.12),
                (0.39 * w, 0.3),
                (0.27 * w, 0.6),
                (0.2 * w, 0.84),
            ]
        )
    if kind == "tall":
        return box(-0.26 * w, 0.12, 0.26 * w, 0.9, 0.25)
    if kind == "square":
        return box(-0.35 * w, 0.13, 0.35 * w, 0.84, 0.1)
    return smooth(
        [
            (0, 0.95),
            (-0.2 * w, 0.65),
            (-0.37 * w, 0.35),
            (-0.2 * w, 0.12),
            (0.2 * w, 0.12),
            (0.37 * w, 0.35),
            (0.2 * w, 0.65),
        ]
    )


def _top(pen: Pen, v: Vector, w: float, y: float) -> None:
    """What grows on the head, whose top is at y and w wide to each side."""
    kind, color = v.word("top"), v.hue("top_hue")
    for side in (-1, 1):
        if kind == "horns":
            pen.fill(
                [(side * w * 0.95, y - 0.14), (side * w * 1.12, y + 0.13), (side * w * 0.35, y - 0.03)],
                v.hue("main"),
                _BLACK,
            )
        elif kind == "antennae":
            pen.stroke([(side * w * 0.4, y - 0.06), (side * w * 0.75, y + 0.1)], _BLACK, 1.2)
            pen.oval(side * w * 0.75, y + 0.1, 0.06, fill=color, outline=_BLACK)
        elif kind == "ears":
            pen.oval(side * w * 0.95, y - 0.02, 0.13, 0.13, fill=v.hue("main"), outline=_BLACK)
            pen.oval(side * w * 0.95, y - 0.02, 0.06, 0.06, fill=color, outline=False)
    if kind == "tuft":
        pen.fill(
            [
                (-0.14, y - 0.06),
                (-0.16, y + 0.12),
                (-0.05, y + 0.04),
                (0.0, y + 0.16),
                (0.05, y + 0.04),
                (0.16, y + 0.12),
                (0.14, y - 0.06),
            ],
            color,
            _BLACK,
        )


def _face(pen: Pen, v: Vector, look: float) -> None:
    """Eyes and mouth around the pen's origin, on a face about one unit wide and high."""
    r = 0.2 * v.num("eye_size")
    places = {"one": (0.0,), "two": (-0.26, 0.26), "three": (-0.38, 0.0, 0.38)}[v.word("eyes")]
    r *= {1: 1.4, 2: 1.0, 3: 0.78}[len(places)]
    for x in places:
        y = 0.26 if len(places) == 3 and x == 0 else 0.16
        pen.oval(x, y, r, r * 1.1, fill=_WHITE, outline=_BLACK)
        pen.oval(
            x + (0.2 * look - (0.15 if x > 0 else -0.15 if x < 0 else 0)) * r,
            y,
            r * 0.46,
            fill=_BLACK,
            outline=False,
        )
        if v.has("brows"):
            inner = -1 if x > 0 else 1
            pen.stroke([(x + inner * r, y + r * 0.75), (x - inner * r, y + r * 1.5)], _BLACK, 1.4)
    if v.has("cheeks"):
        for side in (-1, 1):
            pen.oval(side * 0.5, -0.12, 0.1, 0.07, fill=(250, 150, 160), outline=False)
    _mouth(pen, v.word("mouth"))


def _mouth(pen: Pen, kind: str) -> None:
    if kind == "smile":
        pen.arc(0, -0.15, 0.28, 0.22, 0.53, 0.97, _BLACK, 1.2)
    elif kind == "frown":
        pen.arc(0, -0.42, 0.24, 0.16, 0.04, 0.46, _BLACK, 1.2)
    elif kind == "tiny":
        pen.stroke([(-0.1, -0.24), (0.1, -0.24)], _BLACK, 1.3)
    elif kind == "open":
        pen.fill(
            smooth([(-0.24, -0.18), (0.24, -0.18), (0.14, -0.46), (-0.14, -0.46)]), (150, 20, 40), _BLACK
        )
        pen.oval(0, -0.4, 0.1, 0.06, fill=(244, 110, 130), outline=False)
    else:
        pen.fill(box(-0.28, -0.38, 0.28, -0.16, 0.08), _WHITE, _BLACK)
        for x in (-0.1, 0.1):
            pen.stroke([(x, -0.37), (x, -0.17)], _BLACK, 0.7)


def _emblem(pen: Pen, v: Vector) -> None:
    _top(pen.at(0, 0.9, 0, 1.9), v, 0.4, 0.05)
    _face(pen.at(0, 0.0, 0, 1.3), v, 0.0)


@painter("cartoon", PRIOR, _emblem, size=1.03, wide=True)
def cartoon(pen: Pen, v: Vector, pose: Pose, dress: Dress) -> None:
    """Draw a cartoon character, its arms and legs short."""
    main, w = v.hue("main"), v.num("width")
    pen.line = 7
    if v.has("tail"):
        pen.fill(tube([(0.2, 0.2), (0.45, 0.16), (0.5, 0.36)], 0.07, 0.05), main, _BLACK)
        pen.fill(star(0.5, 0.4, 0.1, 0.6, 3), main, _BLACK)
    for side in (-1, 1):
        pen.fill(
            tube([(side * 0.15 * w, 0.2), (side * 0.16 * w, 0.05)], 0.13 * v.num("legs"), 0.15),
            dark(main, 0.08),
            _BLACK,
        )
        hand = (
            side * (0.4 * w + 0.05),
            0.3 + 0.14 * max(0.0, pose.swing * side) + (0.06 if v.word("body") == "tall" else 0.0),
        )
        pen.fill(tube([(side * 0.26 * w, 0.5), (side * 0.38 * w, 0.42), hand], 0.1, 0.12), main, _BLACK)
    body = _body(v)
    top = max(y for _, y in body)
    narrow = v.word("body") in ("pear", "drop")
    _top(pen, v, (0.2 if narrow else 0.28) * w, top)
    paint = v.paint(0.2)
    pen.fill(body, paint, _BLACK)
    if v.has("belly"):
        pen.oval(0, 0.29, 0.2 * w, 0.14, fill=apart(v.hue("accent"), main), outline=False)
    _face(
        pen.at(
            0, 0.62 if v.word("body") != "drop" else 0.54, pose.tilt * 4, (0.52 if narrow else 0.6) * w, 0.56
        ),
        v,
        pose.turn,
    )
