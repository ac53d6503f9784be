"""Parameter vectors: what a subject is. Declared priors, sampling, distance, and the held-out subjects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
import yaml

from dreambench.errors import DreambenchError
from miniature.world.canvas import Paint
from miniature.world.painter_registry import Hue, Kind, Parameter, Real, Value, painter_of
from miniature.world.palette import SHADES, Color, color_distance, color_word, shade_of
from miniature.world.rng import Rng

#: A draw of the prior closer than this to a held-out subject of its class is drawn again.
HELD_OUT_DISTANCE = 0.25


@dataclass(frozen=True)
class Vector:
    """One subject: a class noun and a value for each parameter that the noun's painter declares.

    ``values`` maps a name to a number (``Real``), a word (``Kind``) or an RGB triple (``Hue``).
    """

    noun: str
    values: Mapping[str, Value]

    def num(self, name: str) -> float:
        """Return a number."""
        value = self.values[name]
        assert isinstance(value, int | float)
        return float(value)

    def word(self, name: str) -> str:
        """Return a word."""
        value = self.values[name]
        assert isinstance(value, str)
        return value

    def has(self, name: str) -> bool:
        """Return whether a part that is declared as ``yes`` or ``no`` is there."""
        return self.word(name) == "yes"

    def hue(self, name: str) -> Color:
        """Return a color."""
        value = self.values[name]
        assert isinstance(value, tuple)
        return value

    def paint(self, pitch: float = 0.2, base: str = "main", accent: str = "accent") -> Paint:
        """Return the fill of the subject's pattern; ``pitch`` is the pattern's period at size 1."""
        size = self.num("pattern_size") if "pattern_size" in self.values else 1.0
        return Paint(
            self.hue(base), self.hue(accent), self.word("pattern"), pitch * size, int(self.num("layout"))
        )

    @property
    def colors(self) -> tuple[str, ...]:
        """The words of the main color and, on a patterned subject, of the accent."""
        words = [color_word(self.hue("main"))]
        if self.word("pattern") != "plain":
            words.append(color_word(self.hue("accent")))
        return tuple(dict.fromkeys(words))

    def replaced(self, **values: Value) -> Vector:
        """Return a copy with other values."""
        return Vector(self.noun, MappingProxyType({**self.values, **values}))


def _draw(parameter: Parameter, rng: Rng, drawn: Mapping[str, Value]) -> Value:
    if isinstance(parameter, Real):
        return round(rng.uniform(parameter.low, parameter.high), 3)
    if isinstance(parameter, Kind):
        return rng.weighted(parameter.options)
    while True:
        color = shade_of(rng.weighted(parameter.words), rng)
        other = drawn[parameter.unlike] if parameter.unlike else None
        if not isinstance(other, tuple) or color_distance(color, other) >= 0.35:
            return color


def draw_vector(noun: str, rng: Rng) -> Vector:
    """Return a draw of the noun's prior, without regard to the held-out subjects."""
    values: dict[str, Value] = {}
    for name, parameter in painter_of(noun).prior.items():
        values[name] = _draw(parameter, rng, values)
    return Vector(noun, MappingProxyType(values))


def sample_vector(noun: str, rng: np.random.Generator) -> Vector:
    """Return a subject drawn from the prior of ``noun`` that is not close to any held-out subject.

    Draws whose ``distance`` to a held-out subject of the class is below ``HELD_OUT_DISTANCE`` are
    rejected: training never sees the benchmark's subjects. Raises ``DreambenchError`` for an unknown noun.
    """
    stream = Rng.of(rng)
    held_out = [subject.vector for subject in held_out_subjects().values() if subject.vector.noun == noun]
    while True:
        vector = draw_vector(noun, stream)
        if all(distance(vector, other) >= HELD_OUT_DISTANCE for other in held_out):
            return vector


def distance(a: Vector, b: Vector) -> float:
    """Return the normalized distance of two vectors of one class, in [0, 1].

    The weighted mean, over the parameters, of: the share of the range between two numbers; 0 or 1 for
    equal or unequal words; the ``color_distance`` of two colors. A parameter's weight is declared with
    its prior. Raises ``ValueError`` for vectors of different classes.
    """
    if a.noun != b.noun:
        raise ValueError(f"a {a.noun} and a {b.noun} have no distance")
    total = weights = 0.0
    for name, parameter in painter_of(a.noun).prior.items():
        x, y = a.values[name], b.values[name]
        if isinstance(parameter, Real):
            gap = min(1.0, abs(a.num(name) - b.num(name)) / (parameter.high - parameter.low))
        elif isinstance(parameter, Hue):
            gap = color_distance(a.hue(name), b.hue(name))
        else:
            gap = float(x != y)
        total += parameter.weight * gap
        weights += parameter.weight
    return total / weights


@dataclass(frozen=True)
class HeldOutSubject:
    """A held-out subject: its official id, its vector, ``object`` or ``live``, and how many photos it has."""

    id: str
    vector: Vector
    category: str
    photos: int


def _parse(owner: str, name: str, parameter: Parameter, value: object) -> Value:
    if isinstance(parameter, Real) and isinstance(value, int | float):
        return float(value)
    if isinstance(parameter, Kind) and value in parameter.options:
        return str(value)
    if isinstance(parameter, Hue) and isinstance(value, list) and len(value) == 3:
        return int(value[0]), int(value[1]), int(value[2])
    if isinstance(parameter, Hue) and value in SHADES:
        return SHADES[str(value)][0]
    raise DreambenchError(f"subject {owner}: {name} cannot be {value!r}", f"expected {parameter}")


@cache
def held_out_subjects() -> Mapping[str, HeldOutSubject]:
    """Return the 30 subjects of ``subjects.yaml`` beside this file by id, in the official order.

    Raises ``DreambenchError`` when the file names an unknown noun or parameter, or leaves one out.
    """
    path = Path(__file__).with_name("subjects.yaml")
    subjects = {}
    for name, entry in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        painter = painter_of(entry["class_noun"])
        given = entry["vector"]
        if set(given) != set(painter.prior):
            wrong = sorted(set(given) ^ set(painter.prior))
            raise DreambenchError(f"{path.name}: {name} has missing or unknown parameters {', '.join(wrong)}")
        values = {key: _parse(name, key, parameter, given[key]) for key, parameter in painter.prior.items()}
        vector = Vector(painter.noun, MappingProxyType(values))
        subjects[name] = HeldOutSubject(name, vector, painter.category, entry["photos"])
    return MappingProxyType(subjects)
