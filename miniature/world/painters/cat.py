"""The cat: pointed ears, bright eyes, whiskers and a long tail."""

from __future__ import annotations

from miniature.world.animal import eye, tail_at, trunk
from miniature.world.canvas import Paint, Pen
from miniature.world.painter_registry import Hue, Kind, Parameter, Real, even, maybe, painter, surface
from miniature.world.palette import INK, dark, luminance
from miniature.world.pose import Anchors, Dress, Head, Pose, Torso
from miniature.world.shapes import Points, fluffy, mirror, smooth, tube
from miniature.world.vectors import Vector

_COAT = {
    "brown": 2.5,
    "tan": 3.0,
    "black": 3.0,
    "white": 3.0,
    "grey": 3.5,
    "orange": 4.0,
    "red": 0.3,
    "blue": 0.3,
    "pink": 0.3,
    "green": 0.3,
}

PRIOR: dict[str, Parameter] = {
    **surface(_COAT, {**_COAT, "white": 5.0}, {"plain": 4.0, "striped": 3.5, "patched": 3.0, "spotted": 0.8}),
    "muzzle_hue": Hue({"white": 4.0, "tan": 2.0, "orange": 1.0, "grey": 1.0, "black": 0.7}, weight=1.5),
    "point_hue": Hue(_COAT, weight=1.5),
    "points": maybe(0.3),
    "eye_hue": Hue(
        {"green": 3.0, "yellow": 3.0, "blue": 2.0, "orange": 1.5, "turquoise": 1.0}, weight=2.0, fixed=True
    ),
    "ear_size": Real(0.8, 1.25),
    "ear_width": Real(0.85, 1.15),
    "bib": maybe(0.5),
    "socks": maybe(0.45),
    "blaze": maybe(0.25),
    "fur": Kind({"smooth": 4.0, "fluffy": 1.0}, weight=2.0),
    "tail": Kind(even("up", "round", "bushy")),
    "tail_tip": maybe(0.35),
    "build": Real(0.75, 1.1),
    "head": Real(0.92, 1.12),
    "collar": Kind({"no": 3.0, "yes": 1.0}),
    "collar_hue": Hue(even("red", "blue", "yellow", "green", "pink")),
}


def _tail(pen: Pen, v: Vector, pose: Pose) -> None:
    kind = v.word("tail")
    paths = {
        "up": [(0, -0.04), (0.18, 0.0), (0.24, 0.2), (0.2, 0.44), (0.26, 0.54)],
        "round": [(0, -0.04), (0.2, -0.02), (0.32, 0.14), (0.24, 0.32), (0.12, 0.28)],
        "bushy": [(0, -0.02), (0.2, 0.02), (0.27, 0.22), (0.23, 0.44)],
    }
    path = tail_at(pose, paths[kind])
    thick = (0.14, 0.2) if kind == "bushy" else (0.11, 0.08)
    color = v.hue("point_hue") if v.has("points") else v.hue("main")
    pen.fill(tube(path, *thick), color)
    if v.has("tail_tip"):
        pen.fill(
            tube([path[-2], path[-1]], thick[1] * 0.95, thick[1] * 0.8),
            v.hue("muzzle_hue"),
            dark(color, 0.5),
        )


def _ear(v: Vector, rx: float, ry: float, share: float = 1.0) -> Points:
    s, w = v.num("ear_size"), v.num("ear_width")
    middle, foot = rx * 0.62, ry * 0.5
    return [
        (middle - rx * 0.4 * w * share, foot + ry * 0.15),
        (middle + rx * 0.12, foot + ry * (0.35 + 0.85 * s) * share),
        (middle + rx * 0.33 * w * share, foot - ry * 0.2),
    ]


def _stripes(pen: Pen, v: Vector, rx: float, ry: float) -> None:
    """The tabby's marks: three on the forehead, two on each cheek."""
    ink = v.hue("accent")
    for x in (-0.24, 0.0, 0.24):
        pen.fill(tube([(x * rx, ry * 0.92), (x * rx * 0.8, ry * 0.52)], rx * 0.13, rx * 0.08), ink, False)
    for side in (-1, 1):
        for y in (0.0, -0.28):
            pen.fill(
                tube([(side * rx * 0.97, ry * y), (side * rx * 0.68, ry * (y - 0.06))], rx * 0.12, rx * 0.07),
                ink,
                False,
            )


def _face(pen: Pen, v: Vector, rx: float, ry: float, look: float) -> None:
    dx, muzzle = look * rx * 0.14, v.hue("muzzle_hue")
    if v.word("pattern") == "striped":
        _stripes(pen, v, rx, ry)
    if v.has("points"):
        pen.oval(dx, -ry * 0.18, rx * 0.52, ry * 0.58, fill=v.hue("point_hue"), outline=False)
    if v.has("blaze"):
        pen.fill([(dx, ry * 0.85), (dx + rx * 0.24, -ry * 0.3), (dx - rx * 0.24, -ry * 0.3)], muzzle, False)
    for side in (-1, 1):
        pen.oval(dx + side * rx * 0.17, -ry * 0.45, rx * 0.22, ry * 0.2, fill=muzzle, outline=False)
    whisker = (70, 66, 74) if luminance(v.hue("main")) > 0.45 else (226, 222, 216)
    for side in (-1, 1):
        for y, drop in ((-0.32, 0.06), (-0.5, -0.1)):
            pen.stroke([(dx + side * rx * 0.42, ry * y), (side * rx * 1.15, ry * (y + drop))], whisker, 0.5)
    pen.fill(
        [(dx - rx * 0.13, -ry * 0.2), (dx + rx * 0.13, -ry * 0.2), (dx, -ry * 0.37)], (236, 120, 140), INK
    )
    for side in (-1, 1):
        pen.arc(dx + side * rx * 0.13, -ry * 0.44, rx * 0.13, ry * 0.16, 0.5, 1.0, INK, 0.7)
        eye(pen, dx + side * rx * 0.43, ry * 0.12, rx * 0.24, v.hue("eye_hue"), slit=True, look=look)


def _ears(pen: Pen, v: Vector, rx: float, ry: float) -> None:
    color = v.hue("point_hue") if v.has("points") else v.hue("main")
    outer, inner = _ear(v, rx, ry), _ear(v, rx, ry, 0.55)
    for flipped in (False, True):
        pen.fill(mirror(outer) if flipped else outer, color)
        pen.fill(mirror(inner) if flipped else inner, (244, 164, 168), False)


def _emblem(pen: Pen, v: Vector) -> None:
    _ears(pen.at(0, 0.12), v, 0.95, 0.8)
    _face(pen, v, 0.95, 0.9, 0.0)


@painter("cat", PRIOR, _emblem, category="live")
def cat(pen: Pen, v: Vector, pose: Pose, dress: Dress) -> Anchors:
    """Draw a cat, sitting towards the viewer or standing sideways."""
    torsos: list[Torso] = []

    def wear(torso: Torso) -> None:
        torsos.append(torso)
        if v.has("collar"):
            x, y, half = torso.neck
            pen.fill(
                tube([(x - half, y + 0.02), (x, y - 0.05), (x + half, y + 0.02)], 0.07), v.hue("collar_hue")
            )
        dress(torso)

    fluff, coat, muzzle = v.word("fur") == "fluffy", v.paint(0.17), v.hue("muzzle_hue")
    # A tabby's stripes run around its body: level on a sitting cat, upright on a standing one.
    if coat.pattern == "striped" and pose.stance == "sit":
        coat = Paint(coat.base, coat.accent, "banded", coat.pitch, coat.layout)
    _tail(pen, v, pose)
    socks = muzzle if v.has("socks") else v.hue("point_hue") if v.has("points") else None
    x, y = trunk(pen, pose, coat, muzzle if v.has("bib") else None, socks, v.num("build"), fluff, wear)
    rx, ry = 0.29 * v.num("head"), 0.235 * v.num("head")
    head = pen.at(x, y, pose.tilt * 10)
    _ears(head, v, rx, ry)
    face = Paint(
        coat.base, coat.accent, "patched" if coat.pattern == "patched" else "plain", 0.17, coat.layout + 1
    )
    round_head = smooth(
        [
            (-rx, -ry * 0.1),
            (-rx * 0.7, ry * 0.78),
            (0, ry),
            (rx * 0.7, ry * 0.78),
            (rx, -ry * 0.1),
            (rx * 0.66, -ry * 0.82),
            (0, -ry),
            (-rx * 0.66, -ry * 0.82),
        ]
    )
    head.fill(fluffy(0, 0, rx * 1.06, ry * 1.08, 11, 0.14) if fluff else round_head, face)
    _face(head, v, rx, ry, pose.turn)
    dx = pose.turn * rx * 0.14
    eyes = ((dx - rx * 0.43, ry * 0.12), (dx + rx * 0.43, ry * 0.12))
    return Anchors(torsos[0], Head(head, rx, ry, eyes, rx * 0.24))
