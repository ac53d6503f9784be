"""Where accessories register: an id, the official words, and a function for each layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from miniature.world.palette import Color
from miniature.world.pose import Head, Torso

RED: Color = (216, 34, 40)
WHITE: Color = (252, 252, 250)
GOLD: Color = (250, 204, 66)
NAVY: Color = (40, 62, 128)
PURPLE: Color = (112, 50, 164)

TorsoPiece = Callable[[Torso], None]
HeadPiece = Callable[[Head], None]


@dataclass
class Accessory:
    """One accessory: its id, the official words, its number among the live prompts, and its layers."""

    id: str
    text: str
    number: int
    torso: list[TorsoPiece] = field(default_factory=list)
    head: list[HeadPiece] = field(default_factory=list)


REGISTRY: dict[str, Accessory] = {}


def torso_piece(id: str, text: str, number: int) -> Callable[[TorsoPiece], TorsoPiece]:
    """Register a function that draws over the trunk and under the head."""

    def register(function: TorsoPiece) -> TorsoPiece:
        REGISTRY.setdefault(id, Accessory(id, text, number)).torso.append(function)
        return function

    return register


def head_piece(id: str, text: str, number: int) -> Callable[[HeadPiece], HeadPiece]:
    """Register a function that draws over the head."""

    def register(function: HeadPiece) -> HeadPiece:
        REGISTRY.setdefault(id, Accessory(id, text, number)).head.append(function)
        return function

    return register
