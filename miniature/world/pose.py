"""How a subject stands in one picture, and where accessories find it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from miniature.world.canvas import Pen
from miniature.world.shapes import Point, Points


@dataclass(frozen=True)
class Pose:
    """One picture's pose.

    ``x`` and ``y`` move the subject in pixels; ``scale`` multiplies its size; ``lean`` turns it (degrees);
    ``flip`` mirrors it (never for classes with a handedness); ``stance`` is ``sit`` or ``stand`` (live
    subjects); ``turn`` and ``tilt`` move the head (-1 to 1); ``swing`` moves tail, arms or flame (-1 to 1).
    """

    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0
    lean: float = 0.0
    flip: bool = False
    stance: str = "sit"
    turn: float = 0.0
    tilt: float = 0.0
    swing: float = 0.0


@dataclass(frozen=True)
class Torso:
    """Where clothes go: the trunk's outline, the sleeves, the neck (x, y, half width) and the chest."""

    pen: Pen
    outline: Points
    sleeves: list[Points]
    neck: tuple[float, float, float]
    chest: Point


@dataclass(frozen=True)
class Head:
    """Where hats and glasses go: a pen at the head's center, its half width and height, and the eyes."""

    pen: Pen
    rx: float
    ry: float
    eyes: tuple[Point, Point]
    eye: float


@dataclass(frozen=True)
class Anchors:
    """The anchors that a painter of a live subject returns."""

    torso: Torso
    head: Head


#: Called by live painters between trunk and head, so that a shirt lies over the one and under the other.
Dress = Callable[[Torso], None]


def undressed(torso: Torso) -> None:
    """Wear nothing."""
