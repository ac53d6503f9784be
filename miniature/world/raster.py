"""Filling polygons so that every version of Pillow sets the same pixels.

Pillow's polygon filling has changed between versions where a scan line meets a sharp vertex. Shapes with
such vertices are filled at twice the height, their vertices on even rows, and only the odd rows are kept:
no scan line that counts ever meets a vertex. Ovals, upright boxes and lines are stable as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

Spot = tuple[int, int]


def is_stable(spots: Sequence[Spot]) -> bool:
    """Return whether every version fills the polygon alike: an upright box, or convex with blunt corners."""
    if len(spots) == 4:
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = spots
        return (y0 == y1 and x1 == x2 and y2 == y3 and x3 == x0) or (
            x0 == x1 and y1 == y2 and x2 == x3 and y3 == y0
        )
    if len(spots) < 12:
        return False
    (x0, y0), (x1, y1) = spots[-2], spots[-1]
    sense = 0
    for x2, y2 in spots:
        cross = (x1 - x0) * (y2 - y1) - (y1 - y0) * (x2 - x1)
        if cross:
            if sense * cross < 0:
                return False
            sense = cross
        x0, y0, x1, y1 = x1, y1, x2, y2
    return True


def cutout(image: Image.Image, spots: Sequence[Spot]) -> tuple[Spot, Image.Image] | None:
    """Return (left, top) and the mask (mode 1) of a polygon within an image; None outside it."""
    xs, ys = [x for x, _ in spots], [y for _, y in spots]
    left, top = max(0, min(xs)), max(0, min(ys))
    width, height = min(image.width, max(xs) + 1) - left, min(image.height, max(ys) + 1) - top
    if width <= 0 or height <= 0:
        return None
    tall = Image.new("1", (width, 2 * height), 0)
    ImageDraw.Draw(tall).polygon([(x - left, 2 * (y - top)) for x, y in spots], fill=1)
    # Nearest-neighbor halving reads rows 1, 3, 5, ...
    return (left, top), tall.resize((width, height), Image.Resampling.NEAREST)
