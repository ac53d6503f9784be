"""Outlines as lists of points: ovals, rounded boxes, smooth curves, turned profiles, tubes and stars.

Everything is plain Python floats (no fused multiply-add, no library sine), so that a shape has the
same points on every machine. The y axis points up; lengths are in the pen's own units.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Point = tuple[float, float]
Points = list[Point]

#: Sine and cosine rounded to six digits: the last digit of a platform's libm must not matter.
_TURN = [(round(math.cos(i * math.pi / 48), 6), round(math.sin(i * math.pi / 48), 6)) for i in range(96)]


def spin(turns: float) -> Point:
    """Return (cosine, sine) of an angle in whole turns, from a table of 96 directions."""
    return _TURN[int(turns * 96 + 0.5) % 96]


def rotation(degrees: float) -> Point:
    """Return (cosine, sine) of an angle in degrees, by a short series (exact to six digits below 60)."""
    a = degrees * 0.017453292519943295
    square = a * a
    cosine = 1 - square / 2 * (1 - square / 12 * (1 - square / 30 * (1 - square / 56)))
    sine = a * (1 - square / 6 * (1 - square / 20 * (1 - square / 42)))
    return cosine, sine


def oval(x: float, y: float, rx: float, ry: float | None = None) -> Points:
    """Return an ellipse around (x, y)."""
    ry = rx if ry is None else ry
    return [(x + rx * c, y + ry * s) for c, s in _TURN[:: 4 if rx + ry > 0.2 else 8]]


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float, steps: int = 10) -> Points:
    """Return points of an ellipse from ``start`` to ``end`` (in turns, counter-clockwise)."""
    around = (spin(start + (end - start) * i / steps) for i in range(steps + 1))
    return [(x + rx * c, y + ry * s) for c, s in around]


def box(left: float, bottom: float, right: float, top: float, radius: float = 0.0) -> Points:
    """Return a rectangle, its corners rounded by ``radius``."""
    if radius <= 0:
        return [(left, bottom), (right, bottom), (right, top), (left, top)]
    r = min(radius, abs(right - left) / 2, abs(top - bottom) / 2)
    corners = (
        (right - r, top - r, 0.0),
        (left + r, top - r, 0.25),
        (left + r, bottom + r, 0.5),
        (right - r, bottom + r, 0.75),
    )
    return [point for x, y, turn in corners for point in arc(x, y, r, r, turn, turn + 0.25, 4)]


def smooth(points: Sequence[Point], closed: bool = True, steps: int = 4) -> Points:
    """Return a Catmull-Rom curve through the points."""
    n = len(points)
    out: Points = []
    for i in range(n if closed else n - 1):
        if closed:
            p0, p1, p2, p3 = points[i - 1], points[i], points[(i + 1) % n], points[(i + 2) % n]
        else:
            p0, p1, p2, p3 = points[max(i - 1, 0)], points[i], points[i + 1], points[min(i + 2, n - 1)]
        ax, bx, cx = (
            p2[0] - p0[0],
            2 * p0[0] - 5 * p1[0] + 4 * p2[0] - p3[0],
            3 * (p1[0] - p2[0]) + p3[0] - p0[0],
        )
        ay, by, cy = (
            p2[1] - p0[1],
            2 * p0[1] - 5 * p1[1] + 4 * p2[1] - p3[1],
            3 * (p1[1] - p2[1]) + p3[1] - p0[1],
        )
        for k in range(steps):
            t = k / steps
            out.append((p1[0] + t * (ax + t * (bx + t * cx)) / 2, p1[1] + t * (ay + t * (by + t * cy)) / 2))
    if not closed:
        out.append(points[-1])
    return out


def lathe(profile: Sequence[Point], x: float = 0.0, steps: int = 4) -> Points:
    """Return the outline of a turned object from its profile of (radius, height), bottom to top."""
    side = smooth(profile, closed=False, steps=steps)
    return [(x + r, y) for r, y in side] + [(x - r, y) for r, y in reversed(side)]


def tube(path: Sequence[Point], start: float, end: float | None = None, curved: bool = True) -> Points:
    """Return a band along ``path``, from ``start`` wide to ``end`` wide, its ends round."""
    end = start if end is None else end
    line = smooth(path, closed=False) if curved and len(path) > 2 else list(path)
    n = len(line) - 1
    left: Points = []
    right: Points = []
    for i, (x, y) in enumerate(line):
        (x0, y0), (x1, y1) = line[max(i - 1, 0)], line[min(i + 1, n)]
        dx, dy = x1 - x0, y1 - y0
        half = (start + (end - start) * i / n) / 2 / ((dx * dx + dy * dy) ** 0.5 or 1.0)
        left.append((x - dy * half, y + dx * half))
        right.append((x + dy * half, y - dx * half))
        if i == 0:
            head = [(x - dx * half * 0.8 + dy * half * 0.6, y - dy * half * 0.8 - dx * half * 0.6)]
            head += [(x - dx * half * 0.8 - dy * half * 0.6, y - dy * half * 0.8 + dx * half * 0.6)]
        if i == n:
            tail = [(x + dx * half * 0.8 - dy * half * 0.6, y + dy * half * 0.8 + dx * half * 0.6)]
            tail += [(x + dx * half * 0.8 + dy * half * 0.6, y + dy * half * 0.8 - dx * half * 0.6)]
    return head + left + tail + right[::-1]


def star(x: float, y: float, radius: float, inner: float = 0.45, tips: int = 5) -> Points:
    """Return a star with ``tips`` points, the first one upwards."""
    out: Points = []
    for i in range(2 * tips):
        c, s = spin(0.25 + i / (2 * tips))
        r = radius * (inner if i % 2 else 1.0)
        out.append((x + r * c, y + r * s))
    return out


def heart(x: float, y: float, size: float) -> Points:
    """Return a heart around (x, y), about two ``size`` wide."""
    half = [(0.0, 0.45), (0.35, 0.85), (0.8, 0.8), (1.0, 0.35), (0.75, -0.2), (0.0, -0.95)]
    whole = half + [(-px, py) for px, py in reversed(half[1:-1])]
    return [(x + size * px, y + size * py) for px, py in whole]


def fluffy(x: float, y: float, rx: float, ry: float, tufts: int = 11, depth: float = 0.09) -> Points:
    """Return an ellipse with a tufted rim, like fur."""
    out: Points = []
    for i in range(4 * tufts):
        c, s = spin(i / (4 * tufts))
        r = 1.0 + depth * (0.0, 0.75, 1.0, 0.75)[i % 4] - depth / 2
        out.append((x + rx * r * c, y + ry * r * s))
    return out


def shift(points: Sequence[Point], dx: float = 0.0, dy: float = 0.0, scale: float = 1.0) -> Points:
    """Return the points scaled about the origin, then moved."""
    return [(x * scale + dx, y * scale + dy) for x, y in points]


def mirror(points: Sequence[Point]) -> Points:
    """Return the points with left and right exchanged."""
    return [(-x, y) for x, y in points]
