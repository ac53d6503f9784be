"""The stuffed animal: a plush that sits with its soles forward, with button eyes and a seam."""

from __future__ import annotations

from miniature.world.canvas import Paint, Pen
from miniature.world.painter_registry import Hue, Kind, Parameter, Real, even, maybe, painter, surface
from miniature.world.palette import INK, Color, apart, dark, light
from miniature.world.pose import Dress, Pose
from miniature.world.shapes import fluffy, oval, smooth, tube
from miniature.world.vectors import Vector

_CLOTH = {
    "brown": 3.0,
    "tan": 3.0,
    "grey": 3.0,
    "white": 2.0,
    "pink": 2.0,
    "blue": 1.5,
    "purple": 1.0,
    "yellow": 1.5,
    "orange": 1.5,
    "turquoise": 1.0,
    "green": 1.0,
    "red": 1.0,
    "black": 1.0,
}

PRIOR: dict[str, Parameter] = {
    **surface(
        _CLOTH,
        patterns={
            "plain": 5.0,
            "spotted": 1.0,
            "patched": 1.5,
            "striped": 1.0,
            "checked": 1.0,
            "banded": 0.7,
        },
    ),
    "kind": Kind(even("bear", "rabbit", "sloth", "wolf", "elephant", "mouse"), weight=4.0),
    "belly_hue": Hue({"white": 3.0, "tan": 2.0, "yellow": 1.0, "pink": 1.0, "grey": 1.0}, weight=2.0),
    "sole_hue": Hue({"white": 1.0, "tan": 2.0, "pink": 1.5, "yellow": 1.0, "grey": 1.0}),
    "eyes": Kind({"dots": 3.0, "buttons": 1.0}),
    "eye_hue": Hue(even("black", "blue", "brown", "green"), fixed=True),
    "seam": maybe(0.6),
    "bow": Kind({"none": 3.0, "bow": 1.5, "scarf": 1.0}, weight=1.5),
    "bow_hue": Hue(even("red", "blue", "yellow", "green", "purple", "turquoise")),
    "cap": maybe(0.12),
    "fluff": maybe(0.35),
    "build": Real(0.9, 1.12),
    "head": Real(0.92, 1.1),
}


def _ears(pen: Pen, v: Vector, rx: float, ry: float) -> None:
    kind, main, inner = v.word("kind"), v.hue("main"), v.hue("sole_hue")
    for side in (-1, 1):
        if kind == "rabbit":
            ear = pen.at(side * rx * 0.42, ry * 0.75, side * -12)
            ear.oval(0, 0.14, 0.085, 0.21, fill=main)
            ear.oval(0, 0.13, 0.045, 0.14, fill=inner, outline=False)
        elif kind == "wolf":
            pen.fill(
                [(side * rx * 0.3, ry * 0.8), (side * rx * 0.75, ry * 1.6), (side * rx * 1.0, ry * 0.35)],
                main,
            )
            pen.fill(
                [(side * rx * 0.52, ry * 0.85), (side * rx * 0.74, ry * 1.3), (side * rx * 0.86, ry * 0.6)],
                inner,
                False,
            )
        elif kind == "elephant":
            pen.oval(side * rx * 1.12, ry * 0.05, rx * 0.5, ry * 0.75, fill=main)
            pen.oval(side * rx * 1.12, ry * 0.0, rx * 0.3, ry * 0.5, fill=inner, outline=False)
        elif kind in ("bear", "mouse"):
            r = 0.11 if kind == "bear" else 0.17
            pen.oval(side * rx * 0.85, ry * 0.82, r, fill=main)
            pen.oval(side * rx * 0.85, ry * 0.8, r * 0.55, fill=inner, outline=False)


def _eye(pen: Pen, v: Vector, x: float, y: float, r: float) -> None:
    color = v.hue("eye_hue")
    if v.word("eyes") == "buttons":
        pen.oval(x, y, r * 1.15, fill=color)
        for dx, dy in ((-0.35, 0.0), (0.35, 0.0)):
            pen.oval(x + dx * r, y + dy * r, r * 0.22, fill=(255, 255, 255), outline=False)
    else:
        pen.oval(x, y, r, fill=dark(color, 0.78), outline=False)
        pen.oval(x - r * 0.3, y + r * 0.35, r * 0.4, fill=(255, 255, 255), outline=False)


def _face(pen: Pen, v: Vector, rx: float, ry: float, look: float) -> None:
    kind, pale = v.word("kind"), apart(v.hue("belly_hue"), v.hue("main"), 0.15)
    dx = look * rx * 0.12
    if kind == "sloth":
        pen.oval(dx, -ry * 0.08, rx * 0.82, ry * 0.72, fill=pale, outline=False)
        for side in (-1, 1):
            pen.fill(
                [
                    (dx + side * (rx * 0.42 + x), ry * 0.05 + y - side * 0 - abs(x) * 0.4)
                    for x, y in oval(0, 0, rx * 0.32, ry * 0.2)
                ],
                dark(v.hue("main"), 0.4),
                False,
            )
    elif kind == "elephant":
        pen.fill(
            tube(
                [(dx, ry * 0.05), (dx, -ry * 0.6), (dx + 0.05, -ry * 1.05), (dx + 0.13, -ry * 1.1)],
                0.15,
                0.11,
            ),
            light(v.hue("main"), 0.12),
        )
    else:
        wide = 0.62 if kind == "wolf" else 0.46
        pen.oval(dx, -ry * 0.38, rx * wide, ry * 0.42, fill=pale, outline=dark(pale, 0.25))
    for side in (-1, 1):
        _eye(pen, v, dx + side * rx * 0.4, ry * 0.14, rx * 0.19)
    if kind == "elephant":
        return
    nose: Color = (236, 120, 140) if kind in ("rabbit", "mouse") else INK
    pen.oval(dx, -ry * 0.18, rx * 0.17, ry * 0.12, fill=nose, outline=INK)
    pen.stroke([(dx, -ry * 0.26), (dx, -ry * 0.46)], INK, 0.7)
    pen.arc(dx, -ry * 0.42, rx * 0.2, ry * 0.16, 0.52, 0.98, INK, 0.8)


def _bow(pen: Pen, v: Vector) -> None:
    color, kind = v.hue("bow_hue"), v.word("bow")
    if kind == "scarf":
        pen.fill(tube([(-0.2, 0.5), (0, 0.44), (0.2, 0.5)], 0.09), color)
        pen.fill(tube([(0.1, 0.45), (0.14, 0.28)], 0.09, 0.11), color)
    elif kind == "bow":
        for side in (-1, 1):
            pen.fill([(0, 0.46), (side * 0.16, 0.54), (side * 0.16, 0.37)], color)
        pen.oval(0, 0.455, 0.05, fill=dark(color, 0.15))


def _emblem(pen: Pen, v: Vector) -> None:
    _ears(pen.at(0, 0.2, 0, 1.75), v, 0.5, 0.5)
    _face(pen, v, 1.05, 1.05, 0.0)


def _limbs(pen: Pen, v: Vector, w: float, swing: float) -> None:
    """Legs towards the viewer, with their soles, and arms (long ones for a sloth)."""
    main, sole, long = v.hue("main"), apart(v.hue("sole_hue"), v.hue("main"), 0.15), v.word("kind") == "sloth"
    for side in (-1, 1):
        pen.oval(side * 0.27 * w, 0.12, 0.16, 0.14, fill=main)
        pen.oval(side * 0.28 * w, 0.11, 0.095, 0.085, fill=sole, outline=False)
        hand = (side * (0.4 * w + (0.05 if long else 0.0)), (0.16 if long else 0.27) + 0.05 * swing * side)
        pen.fill(tube([(side * 0.16 * w, 0.46), (side * 0.36 * w, 0.4), hand], 0.14, 0.13), main)
        if long:
            pen.oval(hand[0], hand[1] - 0.02, 0.05, fill=sole, outline=False)


@painter("stuffed animal", PRIOR, _emblem, size=1.02)
def stuffed_animal(pen: Pen, v: Vector, pose: Pose, dress: Dress) -> None:
    """Draw a plush that sits and looks at the viewer."""
    w, coat = v.num("build"), v.paint(0.17)
    if v.word("kind") == "wolf":
        pen.fill(tube([(0.18, 0.1), (0.4, 0.12), (0.5, 0.3)], 0.13, 0.15), v.hue("main"))
    pen.fill(
        smooth(
            [
                (-0.14, 0.54),
                (-0.25 * w, 0.3),
                (-0.25 * w, 0.1),
                (0, 0.03),
                (0.25 * w, 0.1),
                (0.25 * w, 0.3),
                (0.14, 0.54),
            ]
        ),
        coat,
    )
    belly = apart(v.hue("belly_hue"), v.hue("main"), 0.15)
    if v.word("pattern") == "plain":
        pen.oval(0, 0.27, 0.15 * w, 0.17, fill=belly, outline=False)
    if v.has("seam"):
        pen.stroke([(0, 0.44), (0, 0.12)], dark(v.hue("main"), 0.4), 0.7)
        for y in (0.18, 0.26, 0.34):
            pen.stroke([(-0.035, y), (0.035, y)], dark(v.hue("main"), 0.4), 0.7)
    _limbs(pen, v, w, pose.swing)
    _bow(pen, v)
    rx, ry = 0.29 * v.num("head"), 0.245 * v.num("head")
    head = pen.at(0, 0.69 if v.word("kind") != "rabbit" else 0.64, pose.tilt * 10)
    _ears(head, v, rx, ry)
    face = Paint(
        coat.base,
        coat.accent,
        coat.pattern if coat.pattern in ("patched", "spotted") else "plain",
        coat.pitch,
        coat.layout + 1,
    )
    head.fill(fluffy(0, 0, rx * 1.05, ry * 1.06, 12, 0.12) if v.has("fluff") else oval(0, 0, rx, ry), face)
    _face(head, v, rx, ry, pose.turn)
    if v.has("cap"):
        cap = v.hue("bow_hue")
        head.fill(
            smooth(
                [
                    (-rx * 0.55, ry * 0.78),
                    (-rx * 0.4, ry * 1.25),
                    (rx * 0.4, ry * 1.25),
                    (rx * 0.55, ry * 0.78),
                ]
            ),
            cap,
        )
        head.oval(0, ry * 1.3, 0.06, fill=light(cap, 0.6))
