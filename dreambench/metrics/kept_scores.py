"""Scores of files, stored by the files' content, so that expensive scores are computed once."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from dreambench.paths import text_sha256
from dreambench.store.files import write_json

#: A finite number in JSON; neither a text nor ``true`` is one.
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


def content_key(*parts: str) -> str:
    """Return the key of a score: a hash of texts and of files' SHA-256."""
    return text_sha256("\0".join(parts))


class KeptScores:
    """One metric's scores of a subject by ``content_key``, in a JSON file; a damaged one counts as none."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._scores: dict[str, float] = {}
        with contextlib.suppress(OSError, ValidationError):
            self._scores = TypeAdapter(dict[str, Number]).validate_json(file.read_bytes())

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
            write_json(self.file, self._scores)
