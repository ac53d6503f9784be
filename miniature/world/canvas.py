"""The supersampled canvas: a pen with its own coordinates that fills, outlines and patterns shapes.

Shapes are drawn without antialiasing at four times the frame's size, at integer coordinates, and the
picture is then reduced by an exact 4 x 4 box: no library's antialiasing enters a rendering.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from miniature.world.palette import Color, dark, light, luminance
from miniature.world.raster import Spot, cutout, is_stable
from miniature.world.rng import Rng
from miniature.world.shapes import Point, Points, arc, oval, rotation

#: Side of a rendering in pixels, and subpixels a pixel.
SIZE = 64
FACTOR = 4

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Paint:
    """A fill: a base color, and a pattern in an accent color.

    ``pitch`` is the pattern's period in the pen's units; ``layout`` seeds the places of spots and
    patches, so that they are part of a subject's identity.
    """

    base: Color
    accent: Color
    pattern: str = "plain"
    pitch: float = 0.2
    layout: int = 0


Fill = Color | Paint


def edge_of(color: Color) -> Color:
    """Return the color of an outline: a darker tone, or a lighter one for what is nearly black."""
    return dark(color, 0.5) if luminance(color) > 0.22 else light(color, 0.22)


PatternFunction = Callable[["Pen", Box, Paint, Rng], None]
PATTERNS: dict[str, PatternFunction] = {}


def pattern(name: str) -> Callable[[PatternFunction], PatternFunction]:
    """Register a function that draws a pattern over a box (left, bottom, right, top) of the pen's units."""

    def register(function: PatternFunction) -> PatternFunction:
        PATTERNS[name] = function
        return function

    return register


class Pen:
    """Draws on a Pillow image in local coordinates, y up; ``at`` returns a pen with nested coordinates.

    A pen's ``matrix`` (a, b, c, d, e, f) takes local (x, y) to subpixels
    (a x + c y + e, b x + d y + f). ``line`` is the default width of outlines in subpixels.
    """

    __slots__ = ("_draw", "image", "line", "matrix")

    def __init__(
        self,
        image: Image.Image,
        matrix: tuple[float, float, float, float, float, float],
        draw: ImageDraw.ImageDraw | None = None,
        line: int = 5,
    ) -> None:
        self.image = image
        self.matrix = matrix
        self._draw = draw or ImageDraw.Draw(image)
        self.line = line

    @classmethod
    def over(cls, image: Image.Image) -> Pen:
        """Return a pen in frame coordinates: pixels of the final picture, y down."""
        return cls(image, (FACTOR, 0.0, 0.0, FACTOR, 0.0, 0.0))

    def at(self, x: float, y: float, degrees: float = 0.0, sx: float = 1.0, sy: float | None = None) -> Pen:
        """Return a pen whose origin is at (x, y), turned counter-clockwise and scaled."""
        cosine, sine = rotation(degrees)
        sy = sx if sy is None else sy
        return self.affine(cosine * sx, sine * sx, -sine * sy, cosine * sy, x, y)

    def affine(self, a: float, b: float, c: float, d: float, e: float, f: float) -> Pen:
        """Return a pen whose (x, y) is this pen's (a x + c y + e, b x + d y + f)."""
        m = self.matrix
        nested = (
            m[0] * a + m[2] * b,
            m[1] * a + m[3] * b,
            m[0] * c + m[2] * d,
            m[1] * c + m[3] * d,
            m[0] * e + m[2] * f + m[4],
            m[1] * e + m[3] * f + m[5],
        )
        return Pen(self.image, nested, self._draw, self.line)

    def pixel(self, x: float, y: float) -> Point:
        """Return where (x, y) is in the final picture, in pixels."""
        a, b, c, d, e, f = self.matrix
        return (a * x + c * y + e) / FACTOR, (b * x + d * y + f) / FACTOR

    def place(self, points: Sequence[Point]) -> list[Spot]:
        """Return the points in whole subpixels."""
        a, b, c, d, e, f = self.matrix
        e, f = e + 4096.5, f + 4096.5  # int() rounds towards zero: keep its argument positive
        return [(int(a * x + c * y + e) - 4096, int(b * x + d * y + f) - 4096) for x, y in points]

    def fill(self, points: Sequence[Point], fill: Fill, outline: Color | bool = True) -> None:
        """Fill a shape, and outline it: in a darker tone of its base (True), in a color, or not (False)."""
        base = fill.base if isinstance(fill, Paint) else fill
        spots = self.place(points)
        if isinstance(fill, Paint) and fill.pattern != "plain":
            self._fill_pattern(points, spots, fill)
        elif is_stable(spots):
            self._draw.polygon(spots, fill=base)
        elif (cut := cutout(self.image, spots)) is not None:
            self.image.paste(base, cut[0], cut[1])
        if outline is not False:
            self._outline(spots, edge_of(base) if outline is True else outline)

    def _outline(self, spots: list[Spot], color: Color) -> None:
        # Few points mean sharp corners, which need a joint; a fine curve closes by itself.
        self._draw.line(
            [*spots, spots[0], spots[1]],
            fill=color,
            width=self.line,
            joint="curve" if len(spots) < 9 else None,
        )

    def _fill_pattern(self, points: Sequence[Point], spots: list[Spot], paint: Paint) -> None:
        cut = cutout(self.image, spots)
        if cut is None:
            return
        (left, top), mask = cut
        tile = Image.new("RGB", mask.size, paint.base)
        a, b, c, d, e, f = self.matrix
        inside = Pen(tile, (a, b, c, d, e - left, f - top), line=self.line)
        xs, ys = [x for x, _ in points], [y for _, y in points]
        PATTERNS[paint.pattern](inside, (min(xs), min(ys), max(xs), max(ys)), paint, Rng(paint.layout))
        self.image.paste(tile, (left, top), mask)

    def oval(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float | None = None,
        fill: Fill = (0, 0, 0),
        outline: Color | bool = True,
    ) -> None:
        """Fill an ellipse around (x, y)."""
        self.fill(oval(x, y, rx, ry), fill, outline)

    def stroke(self, points: Sequence[Point], color: Color, width: float = 1.0) -> None:
        """Draw an open line, ``width`` times as thick as an outline."""
        self._draw.line(
            self.place(points), fill=color, width=max(1, int(self.line * width + 0.5)), joint="curve"
        )

    def arc(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        start: float,
        end: float,
        color: Color,
        width: float = 1.0,
    ) -> None:
        """Draw a part of an ellipse, from ``start`` to ``end`` in turns."""
        self.stroke(arc(x, y, rx, ry, start, end), color, width)


def frame(color: Color = (0, 0, 0)) -> Image.Image:
    """Return an empty supersampled picture in a color."""
    return Image.new("RGB", (SIZE * FACTOR, SIZE * FACTOR), color)


def layer() -> Image.Image:
    """Return an empty supersampled layer, transparent where nothing is drawn.

    Its mode is RGBX: every drawn color is opaque and everything else is zero, so that the four channels
    are premultiplied already and reduce independently (as RGBA, Pillow would convert them twice).
    """
    return Image.new("RGBX", (SIZE * FACTOR, SIZE * FACTOR), (0, 0, 0, 0))


def reduced(image: Image.Image) -> np.ndarray:
    """Return the picture at its final size: float32 of 64 x 64 x 3, in [0, 255]."""
    return np.asarray(image.reduce(FACTOR)).astype(np.float32)


def reduced_layer(image: Image.Image) -> np.ndarray:
    """Return a layer at its final size: float32 of 64 x 64 x 4, colors not premultiplied, in [0, 255]."""
    small = reduced(image)
    alpha = small[..., 3:]
    small[..., :3] *= np.float32(255) / np.maximum(alpha, 1)
    return small


def gradient(image: Image.Image, top: Color, bottom: Color, start: int, end: int) -> None:
    """Blend the rows ``start`` to ``end`` (in pixels) of a supersampled picture between two colors."""
    rows = max(2, end - start)
    share = np.arange(rows)[:, None]
    colors = (np.array(top) * (rows - 1 - share) + np.array(bottom) * share) // (rows - 1)
    column = Image.fromarray(colors.astype(np.uint8)[:, None, :])
    image.paste(column.resize((image.width, rows * FACTOR), Image.Resampling.NEAREST), (0, start * FACTOR))


__all__ = [
    "FACTOR",
    "PATTERNS",
    "SIZE",
    "Box",
    "Fill",
    "Paint",
    "Pen",
    "Points",
    "frame",
    "gradient",
    "layer",
    "pattern",
    "reduced",
    "reduced_layer",
]
