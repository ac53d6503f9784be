"""A task that writes a few small files, for tests of what is between a run and its workers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class SmallTask:
    """Writes its ``files`` below ``root``, an image among them, unless they are there; ``ends`` is its end.

    Elsewhere it works in ``away``.
    """

    root: Path
    away: Path
    files: dict[str, str] = field(
        default_factory=lambda: {"a/0.png": "first", "a/1.png": "second", "note": "x"}
    )
    ends: Callable[[], None] = lambda: None
    place: Path | None = None

    def perform(self, models: Any, watch: Any) -> None:
        for name, content in self.files.items():
            if not (self.root / name).exists():
                watch.say(f"made {name}")
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                (self.root / name).write_text(content)
        self.ends()

    def finished_files(self) -> list[Path]:
        return [self.root / name for name in self.files if (self.root / name).exists()]

    def is_done(self) -> bool:
        return len(self.finished_files()) == len(self.files)

    def is_begun(self) -> bool:
        return bool(self.finished_files())

    def elsewhere(self) -> SmallTask:
        return replace(self, root=self.away)

    def forget(self) -> None:
        for file in self.finished_files():
            file.unlink()
