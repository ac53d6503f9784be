"""Scores of files, stored by the files' content, so that expensive scores are computed once."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path

from dreambench.store.files import write_text


def content_key(*parts: str) -> str:
    """Return the key of a score: a hash of texts and of files' SHA-256."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class KeptScores:
    """One metric's scores of a subject by ``content_key``, in a JSON file; a damaged one counts as none."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            content = {}
        rows = content.items() if isinstance(content, dict) else ()
        self._scores = {k: float(v) for k, v in rows if _is_score(v)}

    def __contains__(self, key: str) -> bool:
        return key in self._scores

    def get(self, key: str | None) -> float:
        """Return a score; NaN if there is none."""
        return math.nan if key is None else self._scores.get(key, math.nan)

    def add(self, scores: Mapping[str, float]) -> None:
        """Store finite scores; a NaN is computed again the next time."""
        found = {key: score for key, score in scores.items() if math.isfinite(score)}
        if found:
            self._scores.update(found)
            write_text(self.file, json.dumps(self._scores, indent=1) + "\n")


def _is_score(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
