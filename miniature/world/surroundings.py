"""Where contexts register, and what a drawn context tells of the subject's place."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from miniature.world.canvas import Pen
from miniature.world.palette import Color
from miniature.world.rng import Rng


@dataclass(frozen=True)
class Setting:
    """What a drawn context asks of the subject's place.

    ``ground`` is the height (y, in pixels) on which the subject stands; ``scale`` its size there;
    ``shadow`` the strength of the contact shadow. ``front`` draws what is before the subject. ``liquid``
    is the color that a floating subject sinks into, ``waterline`` where (y). ``mirrored`` asks for a
    reflection.
    """

    ground: float = 57.0
    scale: float = 1.0
    shadow: float = 0.42
    front: Callable[[Pen, Rng], None] | None = None
    liquid: Color | None = None
    waterline: float = 64.0
    mirrored: bool = False


ContextFunction = Callable[[Pen, Rng], Setting]


@dataclass(frozen=True)
class Surroundings:
    """A context: its id, the official words (none for plain surroundings), prompt number, and drawing."""

    id: str
    text: str | None
    number: int
    draw: ContextFunction


_CONTEXTS: dict[str, Surroundings] = {}


def context(text: str, number: int) -> Callable[[ContextFunction], ContextFunction]:
    """Register an official context by its words and its number among the object prompts (1 to 20)."""

    def register(function: ContextFunction) -> ContextFunction:
        _CONTEXTS[function.__name__] = Surroundings(function.__name__, text, number, function)
        return function

    return register


def plain(function: ContextFunction) -> ContextFunction:
    """Register plain surroundings, which captions do not name."""
    _CONTEXTS[function.__name__] = Surroundings(function.__name__, None, 0, function)
    return function


@cache
def all_contexts() -> Mapping[str, Surroundings]:
    """Return all contexts by id: the official ones in their order, then plain surroundings by name."""
    package: Any = importlib.import_module("miniature.world.contexts")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_CONTEXTS.items(), key=lambda item: (item[1].number or 999, item[0])))
