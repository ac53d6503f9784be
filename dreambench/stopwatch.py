"""How long one of many equal pieces of work takes."""

from __future__ import annotations

import time


class Stopwatch:
    """Counts pieces of work from ``begin`` on, and the seconds until the last of them."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._seconds, self._count = 0.0, 0

    def begin(self) -> None:
        """Start the clock, with nothing counted."""
        self._began, self._seconds, self._count = time.monotonic(), 0.0, 0

    def add(self, count: int) -> None:
        """Count ``count`` more pieces as done by now."""
        if self._began is not None:
            self._seconds = time.monotonic() - self._began
            self._count += count

    def rate(self) -> float | None:
        """Return the seconds per piece, or None where nothing was counted."""
        return round(self._seconds / self._count, 6) if self._count else None
