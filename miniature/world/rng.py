"""A tiny random stream of our own: the same numbers on every machine and with every library version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

_MASK = (1 << 64) - 1
T = TypeVar("T")


class Rng:
    """A splitmix64 stream (Steele, Lea and Flood 2014) with the few draws that drawing needs.

    ``seed`` is any integer. A stream is cheap to make (one per patterned fill), and none of its
    numbers depends on numpy, so that a rendering's bits never change under an upgrade.
    """

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    @classmethod
    def of(cls, rng: np.random.Generator) -> Rng:
        """Return a stream seeded by one draw of ``rng``."""
        return cls(int(rng.integers(1 << 62)))

    def bits(self) -> int:
        """Return 64 random bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Return a number in [low, high)."""
        return low + (high - low) * ((self.bits() >> 11) / 9007199254740992.0)

    def below(self, n: int) -> int:
        """Return an integer in [0, n)."""
        return (self.bits() >> 16) % n

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return self.uniform() < probability

    def sign(self) -> int:
        """Return -1 or 1."""
        return 1 if self.bits() >> 63 else -1

    def pick(self, options: Sequence[T]) -> T:
        """Return one of ``options``, all equally likely."""
        return options[self.below(len(options))]

    def weighted(self, options: Mapping[str, float]) -> str:
        """Return a key of ``options`` with a probability in proportion to its value."""
        left = self.uniform(0.0, sum(options.values()))
        for name, weight in options.items():
            left -= weight
            if left < 0:
                return name
        return name
