"""The candle: a pillar, a taper in a holder, or wax in a jar."""

from __future__ import annotations

from miniature.world.canvas import Pen
from miniature.world.painter_registry import Hue, Kind, Parameter, Real, even, maybe, painter, surface
from miniature.world.palette import INK, Color, apart, dark, light, mix
from miniature.world.pose import Dress, Pose
from miniature.world.rng import Rng
from miniature.world.shapes import box, heart, oval, smooth, star, tube
from miniature.world.vectors import Vector

PRIOR: dict[str, Parameter] = {
    **surface(),
    "kind": Kind({"pillar": 3.0, "taper": 2.0, "jar": 2.0}, weight=3.0),
    "lit": maybe(0.85),
    "drips": maybe(0.6),
    "holder_hue": Hue(even("yellow", "brown", "black", "grey", "blue", "tan", "white"), weight=2.0),
    "holder": Kind({"dish": 2.0, "stand": 1.5, "none": 1.0}),
    "label": Kind({"none": 2.0, "plain": 1.5, "heart": 1.0, "star": 1.0}),
    "width": Real(0.85, 1.15),
    "height": Real(0.88, 1.08),
    "flame_hue": Hue({"orange": 4.0, "yellow": 3.0, "red": 1.0}, fixed=True),
}
_GLASS: Color = (214, 232, 238)


def _flame(pen: Pen, v: Vector, y: float, swing: float, size: float = 1.0) -> None:
    pen.stroke([(0, y - 0.02), (0, y + 0.08)], INK, 1.2)
    if v.has("lit"):
        color, f = v.hue("flame_hue"), pen.at(0, y + 0.06, swing * -8, size)
        f.fill(
            smooth([(0, -0.03), (0.095, 0.07), (0.05, 0.17), (0, 0.3), (-0.05, 0.17), (-0.095, 0.07)]),
            color,
            dark(color, 0.25),
        )
        f.fill(smooth([(0, 0.0), (0.05, 0.07), (0, 0.17), (-0.05, 0.07)]), (255, 244, 170), False)


def _drips(pen: Pen, color: Color, w: float, y: float, seed: int) -> None:
    rng = Rng(seed)
    for x in (-0.8, -0.25, 0.35, 0.82):
        pen.fill(
            tube([(x * w, y), (x * w, y - rng.uniform(0.1, 0.26))], 0.1, 0.085), light(color, 0.35), False
        )


def _badge(pen: Pen, v: Vector, x: float, y: float, size: float) -> None:
    kind, paper = v.word("label"), (250, 246, 234)
    if kind == "none":
        return
    pen.fill(box(x - size, y - size * 0.75, x + size, y + size * 0.75, 0.03), paper)
    ink = apart(v.hue("accent"), paper, 0.3)
    if kind == "heart":
        pen.fill(heart(x, y, size * 0.45), ink, False)
    elif kind == "star":
        pen.fill(star(x, y, size * 0.55), ink, False)
    else:
        for dy in (-0.22, 0.22):
            pen.fill(
                box(x - size * 0.6, y + size * (dy - 0.1), x + size * 0.6, y + size * (dy + 0.1)), ink, False
            )


def _emblem(pen: Pen, v: Vector) -> None:
    if v.has("drips"):
        _drips(pen, v.hue("main"), 1.0, 0.98, int(v.num("layout")))
    if v.word("kind") == "jar":
        pen.fill(box(-1, 0.72, 1, 1), _GLASS)
    _badge(pen, v, 0, -0.1, 0.55)
    _flame(pen.at(0, 1.2, 0, 1.9), v, 0, 0)


def _pillar(pen: Pen, v: Vector, w: float, base: float, top: float) -> None:
    pen.fill(
        [(-w, base), (-w * 0.6, base - 0.04), (w * 0.6, base - 0.04), (w, base), (w, top), (-w, top)],
        v.paint(0.16),
    )
    pen.oval(0, top, w, w * 0.26, fill=light(v.hue("main"), 0.3))
    pen.oval(0, top, w * 0.6, w * 0.13, fill=mix(v.hue("main"), (255, 220, 120), 0.45), outline=False)
    if v.has("drips"):
        _drips(pen, v.hue("main"), w * 0.9, top - 0.02, int(v.num("layout")))


def _holder(pen: Pen, v: Vector, w: float) -> float:
    """Draw what the candle stands on, and return the height of its foot."""
    kind, metal = v.word("holder"), v.hue("holder_hue")
    if kind == "none":
        return 0.05
    if kind == "dish":
        pen.fill(oval(0, 0.07, w + 0.2, 0.085), metal)
        pen.fill(oval(0, 0.09, w + 0.12, 0.05), dark(metal, 0.2), False)
        pen.arc(w + 0.22, 0.12, 0.09, 0.08, -0.3, 0.35, dark(metal, 0.3), 1.6)
        return 0.1
    pen.fill(oval(0, 0.045, w + 0.1, 0.05), metal)
    pen.fill(box(-0.055, 0.04, 0.055, 0.26), metal)
    pen.fill(smooth([(-w - 0.08, 0.32), (-w * 0.6, 0.2), (w * 0.6, 0.2), (w + 0.08, 0.32)]), metal)
    return 0.29


def _jar(pen: Pen, v: Vector, w: float, top: float, swing: float) -> None:
    wax = v.paint(0.16)
    pen.fill(box(-w, 0.0, w, top, 0.08), _GLASS)
    pen.fill(box(-w * 0.9, 0.05, w * 0.9, top * 0.74, 0.05), wax)
    pen.fill(oval(0, top * 0.74, w * 0.9, 0.055), light(wax.base, 0.35), dark(wax.base, 0.3))
    _badge(pen, v, 0, top * 0.36, w * 0.62)
    _flame(pen, v, top * 0.78, swing)
    pen.fill(oval(0, top, w, 0.05)[12:] + oval(0, top - 0.03, w, 0.05)[12:][::-1], v.hue("holder_hue"))
    pen.fill(box(-w * 0.84, 0.1, -w * 0.72, top * 0.9), (255, 255, 255), False)


@painter("candle", PRIOR, _emblem)
def candle(pen: Pen, v: Vector, pose: Pose, dress: Dress) -> None:
    """Draw a candle."""
    kind, tall = v.word("kind"), v.num("height")
    if kind == "jar":
        _jar(pen, v, 0.37 * v.num("width"), 0.8 * tall, pose.swing)
        return
    w, top = (0.29, 0.74 * tall) if kind == "pillar" else (0.155, 0.76 * tall)
    w *= v.num("width")
    base = _holder(pen, v, w)
    _pillar(pen, v, w, base, top)
    if kind == "pillar":
        _badge(pen, v, 0, (base + top) / 2 - 0.06, w * 0.7)
    _flame(pen, v, top, pose.swing, 1.15 if kind == "pillar" else 1.0)
