"""The patterns of coats, cloths and glazes; each draws its accent over a box of the pen's coordinates."""

from __future__ import annotations

from miniature.world.canvas import Box, Paint, Pen, pattern
from miniature.world.rng import Rng
from miniature.world.shapes import box, oval, smooth, spin, star


@pattern("striped")
def striped(pen: Pen, bounds: Box, paint: Paint, rng: Rng) -> None:
    """Upright stripes."""
    left, bottom, right, top = bounds
    x = left + paint.pitch * 0.3
    while x < right:
        pen.fill(box(x, bottom, x + paint.pitch * 0.45, top), paint.accent, False)
        x += paint.pitch


@pattern("banded")
def banded(pen: Pen, bounds: Box, paint: Paint, rng: Rng) -> None:
    """Level bands."""
    left, bottom, right, top = bounds
    y = bottom + paint.pitch * 0.4
    while y < top:
        pen.fill(box(left, y, right, y + paint.pitch * 0.45), paint.accent, False)
        y += paint.pitch


@pattern("spotted")
def spotted(pen: Pen, bounds: Box, paint: Paint, rng: Rng) -> None:
    """Round spots in staggered rows, each a little out of line."""
    left, bottom, right, top = bounds
    pitch = paint.pitch
    y, odd = bottom + pitch * 0.25, rng.below(2)
    while y < top + pitch * 0.3:
        x = left + pitch * (0.2 + 0.5 * odd)
        while x < right + pitch * 0.3:
            radius = pitch * rng.uniform(0.22, 0.32)
            pen.oval(
                x + pitch * rng.uniform(-0.1, 0.1),
                y + pitch * rng.uniform(-0.1, 0.1),
                radius,
                fill=paint.accent,
                outline=False,
            )
            x += pitch
        y, odd = y + pitch * 0.8, 1 - odd


@pattern("checked")
def checked(pen: Pen, bounds: Box, paint: Paint, rng: Rng) -> None:
    """A chequerboard."""
    left, bottom, right, top = bounds
    step = paint.pitch * 0.75
    row, y = 0, bottom
    while y < top:
        x = left + step * (row % 2)
        while x < right:
            pen.fill(box(x, y, x + step, y + step), paint.accent, False)
            x += 2 * step
        row, y = row + 1, y + step


@pattern("patched")
def patched(pen: Pen, bounds: Box, paint: Paint, rng: Rng) -> None:
    """A few large blotches of uneven outline."""
    left, bottom, right, top = bounds
    width, height = right - left, top - bottom
    reach = 0.5 * (width * height) ** 0.5
    for _ in range(4):
        x, y = left + width * rng.uniform(0.05, 0.95), bottom + height * rng.uniform(0.1, 0.95)
        radius = reach * rng.uniform(0.32, 0.52)
        blotch = [
            (x + radius * rng.uniform(0.7, 1.2) * c, y + radius * rng.uniform(0.6, 1.0) * s)
            for c, s in map(spin, (0, 0.17, 0.33, 0.5, 0.67, 0.83))
        ]
        pen.fill(smooth(blotch), paint.accent, False)


@pattern("zigzag")
def zigzag(pen: Pen, bounds: Box, paint: Paint, rng: Rng) -> None:
    """Level zigzag bands."""
    left, bottom, right, top = bounds
    step = paint.pitch
    y = bottom + step * 0.35
    while y < top + step:
        upper, lower = [], []
        x, up = left - step * 0.5, False
        while x < right + step:
            rise = step * 0.38 if up else 0.0
            upper.append((x, y + rise + step * 0.4))
            lower.append((x, y + rise))
            x, up = x + step * 0.5, not up
        pen.fill(upper + lower[::-1], paint.accent, False)
        y += step


@pattern("starry")
def starry(pen: Pen, bounds: Box, paint: Paint, rng: Rng) -> None:
    """Scattered stars (a wizard's cloth)."""
    left, bottom, right, top = bounds
    y, odd = bottom + paint.pitch * 0.4, 0
    while y < top:
        x = left + paint.pitch * (0.3 + 0.5 * odd)
        while x < right:
            pen.fill(star(x, y, paint.pitch * 0.36), paint.accent, False)
            x += paint.pitch
        y, odd = y + paint.pitch * 0.7, 1 - odd


@pattern("rainbow")
def rainbow(pen: Pen, bounds: Box, paint: Paint, rng: Rng) -> None:
    """Upright stripes in the colors of the rainbow (a scarf)."""
    colors = ((226, 44, 44), (246, 140, 36), (250, 220, 60), (60, 176, 80), (52, 110, 220), (140, 64, 190))
    left, bottom, right, top = bounds
    step = paint.pitch
    across = right - left >= top - bottom
    at, i = (left if across else bottom), 0
    while at < (right if across else top):
        stripe = box(at, bottom, at + step, top) if across else box(left, at, right, at + step)
        pen.fill(stripe, colors[i % 6], False)
        at, i = at + step, i + 1


@pattern("grid")
def grid(pen: Pen, bounds: Box, paint: Paint, rng: Rng) -> None:
    """Thin crossing lines."""
    left, bottom, right, top = bounds
    x = left + paint.pitch / 2
    while x < right:
        pen.stroke([(x, bottom), (x, top)], paint.accent, 0.8)
        x += paint.pitch
    y = bottom + paint.pitch / 2
    while y < top:
        pen.stroke([(left, y), (right, y)], paint.accent, 0.8)
        y += paint.pitch


@pattern("speckled")
def speckled(pen: Pen, bounds: Box, paint: Paint, rng: Rng) -> None:
    """Small scattered specks."""
    left, bottom, right, top = bounds
    for _ in range(26):
        x, y = rng.uniform(left, right), rng.uniform(bottom, top)
        pen.fill(oval(x, y, paint.pitch * 0.14), paint.accent, False)
