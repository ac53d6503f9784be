"""Where painters register: a class noun, its prior and how it behaves; one file adds a class."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from dreambench.errors import DreambenchError
from miniature.world.palette import COLOR_WORDS, Color

if TYPE_CHECKING:
    from miniature.world.canvas import Pen
    from miniature.world.pose import Anchors, Dress, Pose
    from miniature.world.vectors import Vector

Value = float | str | Color


@dataclass(frozen=True)
class Real:
    """A number, uniform in [low, high]; ``weight`` is its share in the distance of vectors."""

    low: float
    high: float
    weight: float = 1.0


@dataclass(frozen=True)
class Kind:
    """A word, drawn with the given relative frequencies."""

    options: Mapping[str, float]
    weight: float = 1.0


@dataclass(frozen=True)
class Hue:
    """A color: a word drawn with the given frequencies, then a shade of it.

    ``unlike`` names an earlier color that it must stand out from; ``fixed`` colors (eyes, food) are
    left as they are when a property recolors the subject.
    """

    words: Mapping[str, float]
    weight: float = 1.0
    unlike: str | None = None
    fixed: bool = False


Parameter = Real | Kind | Hue
PaintFunction = Callable[["Pen", "Vector", "Pose", "Dress"], "Anchors | None"]
EmblemFunction = Callable[["Pen", "Vector"], None]


@dataclass(frozen=True)
class Painter:
    """A class noun's painter.

    ``paint`` draws a vector with the pen's origin on the ground below the subject, about one unit high;
    painters of live subjects return the ``Anchors`` of accessories. ``emblem`` draws the distinctive
    features on a square from -1 to 1: the front of the subject when it is cube shaped. ``flips`` tells
    whether the subject may face either way. ``size`` scales the subject in the frame;
    a ``wide`` one fills its width, and moves less than others.
    """

    noun: str
    category: str
    prior: Mapping[str, Parameter]
    paint: PaintFunction
    emblem: EmblemFunction
    flips: bool
    size: float
    wide: bool


_PAINTERS: dict[str, Painter] = {}


def painter(
    noun: str,
    prior: Mapping[str, Parameter],
    emblem: EmblemFunction,
    category: str = "object",
    flips: bool = True,
    size: float = 1.0,
    wide: bool = False,
) -> Callable[[PaintFunction], PaintFunction]:
    """Register the decorated function as the painter of ``noun``. Raises ``ValueError`` for a second one."""

    def register(function: PaintFunction) -> PaintFunction:
        if noun in _PAINTERS:
            raise ValueError(f"{noun} has a painter already")
        _PAINTERS[noun] = Painter(noun, category, prior, function, emblem, flips, size, wide)
        return function

    return register


@cache
def all_painters() -> Mapping[str, Painter]:
    """Return all painters by class noun, in alphabetical order."""
    package: Any = importlib.import_module("miniature.world.painters")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_PAINTERS.items()))


def painter_of(noun: str) -> Painter:
    """Return the painter of a class noun. Raises ``DreambenchError`` when there is none."""
    found = all_painters().get(noun)
    if found is None:
        raise DreambenchError(
            f"the miniature cannot draw a {noun!r}", f"it knows: {', '.join(all_painters())}"
        )
    return found


def even(*words: str) -> dict[str, float]:
    """Return equal frequencies."""
    return dict.fromkeys(words, 1.0)


def maybe(probability: float) -> Kind:
    """Return a part that is there with the given probability."""
    return Kind({"yes": probability, "no": 1.0 - probability})


def surface(
    main: Mapping[str, float] | None = None,
    accent: Mapping[str, float] | None = None,
    patterns: Mapping[str, float] | None = None,
) -> dict[str, Parameter]:
    """Return the parameters that every class has: main and accent color, pattern, its size and layout."""
    return {
        "main": Hue(main or dict.fromkeys(COLOR_WORDS, 1.0), weight=4.0),
        "accent": Hue(accent or dict.fromkeys(COLOR_WORDS, 1.0), weight=2.0, unlike="main"),
        "pattern": Kind(
            patterns
            or {
                "plain": 4.0,
                "striped": 1,
                "banded": 1,
                "spotted": 1,
                "checked": 1,
                "patched": 1,
                "zigzag": 1,
            },
            weight=3.0,
        ),
        "pattern_size": Real(0.8, 1.3, weight=0.5),
        "layout": Real(0, 9999, weight=0.0),
    }
