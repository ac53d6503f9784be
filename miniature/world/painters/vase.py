"""The vase: a turned profile, with or without handles and flowers."""

from __future__ import annotations

from miniature.world.canvas import Pen
from miniature.world.painter_registry import Hue, Kind, Parameter, Real, even, maybe, painter, surface
from miniature.world.palette import Color, apart, dark, light
from miniature.world.pose import Dress, Pose
from miniature.world.shapes import Point, box, heart, lathe, oval, shift, star, tube
from miniature.world.vectors import Vector

PRIOR: dict[str, Parameter] = {
    **surface(),
    "shape": Kind(even("bottle", "amphora", "bulb", "cylinder", "gourd", "trumpet"), weight=3.0),
    "flowers": Kind({"none": 3.0, "tulips": 1.5, "daisies": 1.5, "branch": 1.0}, weight=2.0),
    "flower_hue": Hue(even("red", "orange", "yellow", "pink", "purple", "white"), weight=1.0, fixed=True),
    "handles": maybe(0.3),
    "rim": maybe(0.5),
    "badge": Kind({"none": 3.0, "heart": 1.0, "star": 1.0, "flower": 1.0}),
    "width": Real(0.85, 1.2),
    "height": Real(0.92, 1.05),
}
_PROFILES: dict[str, list[Point]] = {
    "bottle": [(0.2, 0.0), (0.29, 0.22), (0.26, 0.42), (0.11, 0.66), (0.09, 0.88), (0.13, 1.0)],
    "amphora": [(0.15, 0.0), (0.2, 0.12), (0.36, 0.5), (0.32, 0.7), (0.15, 0.84), (0.22, 1.0)],
    "bulb": [(0.2, 0.0), (0.4, 0.22), (0.41, 0.44), (0.2, 0.68), (0.14, 0.82), (0.2, 1.0)],
    "cylinder": [(0.26, 0.0), (0.28, 0.3), (0.28, 0.6), (0.28, 0.85), (0.3, 1.0)],
    "gourd": [(0.2, 0.0), (0.37, 0.2), (0.3, 0.4), (0.17, 0.52), (0.25, 0.72), (0.14, 0.9), (0.18, 1.0)],
    "trumpet": [(0.22, 0.0), (0.15, 0.15), (0.14, 0.45), (0.2, 0.72), (0.36, 1.0)],
}
_LEAF: Color = (70, 150, 70)


def _flower(pen: Pen, kind: str, x: float, y: float, color: Color) -> None:
    if kind == "tulips":
        pen.fill(
            [
                (x - 0.09, y + 0.13),
                (x - 0.1, y),
                (x - 0.05, y - 0.07),
                (x + 0.05, y - 0.07),
                (x + 0.1, y),
                (x + 0.09, y + 0.13),
                (x + 0.045, y + 0.06),
                (x, y + 0.14),
                (x - 0.045, y + 0.06),
            ],
            color,
        )
    else:
        pen.fill(star(x, y, 0.13, 0.6, 6), color)
        pen.oval(x, y, 0.05, fill=(250, 200, 60), outline=False)


def _bouquet(pen: Pen, v: Vector, swing: float) -> None:
    """Flowers whose stems meet at the pen's origin."""
    kind, color = v.word("flowers"), v.hue("flower_hue")
    lean = swing * 0.03
    if kind == "branch":
        pen.fill(tube([(0, -0.1), (0.02, 0.12), (-0.1 + lean, 0.32)], 0.035), (110, 78, 50), False)
        pen.fill(tube([(0.01, 0.05), (0.12, 0.2), (0.2 + lean, 0.34)], 0.03), (110, 78, 50), False)
        for x, y in ((-0.1, 0.34), (-0.03, 0.24), (0.2, 0.35), (0.12, 0.22), (0.05, 0.33)):
            pen.oval(x + lean, y, 0.05, fill=color, outline=False)
        return
    for x, y in ((-0.2, 0.2), (0.2, 0.22), (0.0, 0.3)):
        pen.stroke([(0, -0.1), (x + lean, y)], _LEAF, 1.2)
    for x, y in ((-0.2, 0.2), (0.2, 0.22), (0.0, 0.3)):
        _flower(pen, kind, x + lean, y, color)


def _badge(pen: Pen, v: Vector, y: float, size: float) -> None:
    color, kind = apart(v.hue("accent"), v.hue("main"), 0.25), v.word("badge")
    if kind == "heart":
        pen.fill(heart(0, y, size), color)
    elif kind == "star":
        pen.fill(star(0, y, size * 1.2), color)
    elif kind == "flower":
        pen.fill(shift(star(0, 0, 1.3, 0.6, 6), 0, y, size), color)
        pen.oval(0, y, size * 0.4, fill=light(color, 0.7), outline=False)


def _emblem(pen: Pen, v: Vector) -> None:
    pen.fill(box(-1, 0.76, 1, 1), light(v.hue("main"), 0.3) if v.has("rim") else dark(v.hue("main"), 0.25))
    pen.oval(0, 1.2, 0.5, 0.16, fill=dark(v.hue("main"), 0.6))
    if v.word("flowers") != "none":
        _bouquet(pen.at(0, 1.25, 0, 1.6), v, 0)
    _badge(pen, v, -0.1, 0.45)


@painter("vase", PRIOR, _emblem)
def vase(pen: Pen, v: Vector, pose: Pose, dress: Dress) -> None:
    """Draw a vase; flowers take their room from its height."""
    filled = v.word("flowers") != "none"
    tall = v.num("height") * (0.74 if filled else 1.0)
    wide = v.num("width") * (0.88 if filled else 1.0)
    profile = [(r * wide, y * tall) for r, y in _PROFILES[v.word("shape")]]
    belly, at = max(profile[:-1])
    mouth, main = profile[-1][0], v.hue("main")
    if filled:
        _bouquet(pen.at(0, tall), v, pose.swing)
    if v.has("handles"):
        for side in (-1, 1):
            pen.fill(
                tube(
                    [
                        (side * mouth * 0.8, tall * 0.88),
                        (side * (belly + 0.1), tall * 0.8),
                        (side * belly * 0.95, tall * 0.52),
                    ],
                    0.07,
                ),
                dark(main, 0.15),
            )
    pen.fill(lathe(profile), v.paint(0.19))
    if v.has("rim"):
        pen.fill(
            box(-mouth - 0.03, tall - 0.05, mouth + 0.03, tall + 0.02, 0.03), apart(v.hue("accent"), main)
        )
    else:
        pen.fill(oval(0, tall, mouth, 0.04), dark(main, 0.55))
    _badge(pen, v, min(at, tall * 0.45), 0.12)
    if at > 0.1:
        pen.fill(
            tube([(-belly * 0.62, at - 0.08), (-belly * 0.62, at + 0.08)], 0.06), light(main, 0.55), False
        )
