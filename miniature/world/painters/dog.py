"""The dog: muzzle and tongue, many ears, tails and coats."""

from __future__ import annotations

from miniature.world.animal import eye, tail_at, trunk
from miniature.world.canvas import Paint, Pen
from miniature.world.painter_registry import Hue, Kind, Parameter, Real, even, maybe, painter, surface
from miniature.world.palette import INK, dark, light
from miniature.world.pose import Anchors, Dress, Head, Pose, Torso
from miniature.world.shapes import Points, fluffy, mirror, oval, smooth, tube
from miniature.world.vectors import Vector

_COAT = {
    "brown": 4.0,
    "tan": 4.0,
    "black": 3.0,
    "white": 3.0,
    "grey": 3.0,
    "orange": 3.0,
    "red": 0.3,
    "blue": 0.3,
    "pink": 0.3,
    "green": 0.3,
}

PRIOR: dict[str, Parameter] = {
    **surface(_COAT, {**_COAT, "white": 6.0}, {"plain": 5.0, "spotted": 2.0, "patched": 3.0, "striped": 0.5}),
    "ear_hue": Hue(_COAT, weight=2.0),
    "ears": Kind({"floppy": 4.0, "pointed": 2.5, "bent": 2.0, "round": 1.5}, weight=2.0),
    "ear_size": Real(0.8, 1.3),
    "muzzle_hue": Hue(
        {"white": 3.0, "tan": 2.0, "brown": 1.0, "black": 1.0, "grey": 1.0, "orange": 1.0}, weight=2.0
    ),
    "muzzle": Real(0.8, 1.2),
    "blaze": maybe(0.3),
    "eye_patch": maybe(0.2),
    "bib": maybe(0.5),
    "socks": maybe(0.4),
    "fur": Kind({"smooth": 3.0, "fluffy": 1.5}, weight=2.0),
    "tail": Kind(even("curled", "straight", "bushy", "stub")),
    "build": Real(0.82, 1.18),
    "head": Real(0.9, 1.12),
    "tongue": maybe(0.4),
    "collar": Kind({"no": 3.0, "yes": 1.5}),
    "collar_hue": Hue(even("red", "blue", "yellow", "green", "purple")),
}


def _tail(pen: Pen, v: Vector, pose: Pose) -> None:
    color = v.hue("main")
    kind = v.word("tail")
    if kind == "curled":
        pen.fill(
            tube(tail_at(pose, [(0, 0), (0.2, 0.08), (0.22, 0.26), (0.08, 0.3), (0.08, 0.2)]), 0.11, 0.08),
            color,
        )
    elif kind == "bushy":
        pen.fill(
            smooth(tail_at(pose, [(0, -0.04), (0.2, 0.02), (0.34, 0.28), (0.2, 0.38), (0.1, 0.2), (0, 0.1)])),
            color,
        )
    else:
        reach = (
            [(0, 0), (0.1, 0.06), (0.14, 0.14)]
            if kind == "stub"
            else [(0, 0), (0.16, 0.06), (0.28, 0.22), (0.3, 0.34)]
        )
        pen.fill(tube(tail_at(pose, reach), 0.12, 0.07), color)


def _ear(v: Vector, rx: float, ry: float) -> Points:
    """The right ear; the left one mirrors it."""
    s, kind = v.num("ear_size"), v.word("ears")
    if kind == "pointed":
        return [(rx * 0.2, ry * 0.75), (rx * 0.62, ry * (0.95 + 0.75 * s)), (rx * 0.98, ry * 0.4)]
    if kind == "bent":
        return smooth(
            [
                (rx * 0.35, ry * 0.85),
                (rx * 0.75, ry * 1.25),
                (rx * (1.0 + 0.4 * s), ry * 0.95),
                (rx * 1.3, ry * 0.5),
                (rx * 0.95, ry * 0.45),
            ]
        )
    if kind == "round":
        return oval(rx * 0.82, ry * 0.82, rx * 0.4 * s, ry * 0.42 * s)
    return smooth(
        [
            (rx * 0.5, ry * 0.9),
            (rx * 1.05, ry * 0.75),
            (rx * 1.32, -ry * 0.1),
            (rx * 1.2, -ry * 0.75 * s),
            (rx * 0.86, -ry * 0.6 * s),
            (rx * 0.8, ry * 0.1),
        ]
    )


def _face(pen: Pen, v: Vector, rx: float, ry: float, look: float) -> None:
    """Markings, eyes, muzzle, nose and mouth, on a head of the given size around the pen's origin."""
    dx = look * rx * 0.16
    muzzle, size = v.hue("muzzle_hue"), v.num("muzzle")
    if v.has("blaze"):
        pen.fill(
            smooth(
                [
                    (dx - rx * 0.1, ry * 0.92),
                    (dx + rx * 0.1, ry * 0.92),
                    (dx + rx * 0.22, 0.0),
                    (dx - rx * 0.22, 0.0),
                ]
            ),
            muzzle,
            False,
        )
    if v.has("eye_patch"):
        pen.oval(dx + rx * 0.42, ry * 0.16, rx * 0.34, ry * 0.38, fill=v.hue("ear_hue"), outline=False)
    pen.oval(dx, -ry * 0.42, rx * 0.56 * size, ry * 0.44 * size, fill=muzzle, outline=dark(muzzle, 0.25))
    if v.has("tongue"):
        pen.fill(
            smooth(
                [
                    (dx - rx * 0.16, -ry * 0.62),
                    (dx + rx * 0.16, -ry * 0.62),
                    (dx + rx * 0.14, -ry * 1.05),
                    (dx - rx * 0.14, -ry * 1.05),
                ]
            ),
            (240, 112, 130),
        )
    pen.arc(dx - rx * 0.17, -ry * 0.48, rx * 0.17, ry * 0.2, 0.5, 1.0, INK, 0.8)
    pen.arc(dx + rx * 0.17, -ry * 0.48, rx * 0.17, ry * 0.2, 0.5, 1.0, INK, 0.8)
    pen.oval(dx, -ry * 0.2, rx * 0.24, ry * 0.18, fill=INK, outline=False)
    pen.oval(dx - rx * 0.07, -ry * 0.13, rx * 0.07, ry * 0.05, fill=(150, 150, 160), outline=False)
    for side in (-1, 1):
        around = v.hue("ear_hue") if v.has("eye_patch") and side == 1 else v.hue("main")
        if sum(around) < 200:  # dark eyes vanish in a dark face: give them a brown ring
            pen.oval(
                dx + side * rx * 0.42, ry * 0.16, rx * 0.25, ry * 0.28, fill=(176, 120, 64), outline=False
            )
        eye(pen, dx + side * rx * 0.42, ry * 0.16, rx * 0.19)


def _emblem(pen: Pen, v: Vector) -> None:
    for ear in (_ear(v, 0.8, 0.75), mirror(_ear(v, 0.8, 0.75))):
        pen.fill(ear, v.hue("ear_hue"))
    _face(pen, v, 1.0, 0.95, 0.0)


@painter("dog", PRIOR, _emblem, category="live")
def dog(pen: Pen, v: Vector, pose: Pose, dress: Dress) -> Anchors:
    """Draw a dog, sitting towards the viewer or standing sideways."""
    torsos: list[Torso] = []

    def wear(torso: Torso) -> None:
        torsos.append(torso)
        if v.has("collar"):
            x, y, half = torso.neck
            pen.fill(
                tube([(x - half, y + 0.02), (x, y - 0.05), (x + half, y + 0.02)], 0.075), v.hue("collar_hue")
            )
        dress(torso)

    fluff = v.word("fur") == "fluffy"
    coat = v.paint(0.2)
    muzzle = v.hue("muzzle_hue")
    _tail(pen, v, pose)
    x, y = trunk(
        pen,
        pose,
        coat,
        muzzle if v.has("bib") else None,
        muzzle if v.has("socks") else None,
        v.num("build"),
        fluff,
        wear,
    )
    rx, ry = 0.28 * v.num("head"), 0.25 * v.num("head")
    head = pen.at(x, y, pose.tilt * 10)
    ears = (_ear(v, rx, ry), mirror(_ear(v, rx, ry)))
    behind = v.word("ears") != "floppy"
    if behind:
        for ear in ears:
            head.fill(ear, v.hue("ear_hue"))
    face = Paint(
        coat.base,
        coat.accent,
        coat.pattern if coat.pattern == "patched" else "plain",
        coat.pitch,
        coat.layout + 1,
    )
    head.fill(fluffy(0, 0, rx * 1.05, ry * 1.08, 12, 0.12) if fluff else oval(0, 0, rx, ry), face)
    if not behind:
        for ear in ears:
            head.fill(ear, v.hue("ear_hue"))
    elif v.word("ears") == "pointed":
        for side in (-1, 1):
            s = v.num("ear_size")
            inner = [
                (side * rx * 0.4, ry * 0.88),
                (side * rx * 0.62, ry * (0.9 + 0.5 * s)),
                (side * rx * 0.82, ry * 0.68),
            ]
            head.fill(inner, light(v.hue("ear_hue"), 0.45), False)
    _face(head, v, rx, ry, pose.turn)
    dx = pose.turn * rx * 0.16
    eyes = ((dx - rx * 0.42, ry * 0.16), (dx + rx * 0.42, ry * 0.16))
    return Anchors(torsos[0], Head(head, rx, ry, eyes, rx * 0.19))
