"""What conditions a denoiser besides its latents: one row per prompt, named as pipelines name it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: By the pipeline's argument name (``prompt_embeds``): a tensor [n, ...], or a list of n tensors.
Conditioning = Mapping[str, Any]


def take(conditioning: Conditioning, rows: Sequence[int]) -> dict[str, Any]:
    """Return some rows of a conditioning, in the given order; a row may be taken several times."""
    return {
        name: [value[row] for row in rows] if isinstance(value, list) else value[list(rows)]
        for name, value in conditioning.items()
    }


def count_rows(conditioning: Conditioning) -> int:
    """Return the number of prompts in a conditioning."""
    return len(next(iter(conditioning.values())))


def repeat_each(conditioning: Conditioning, times: int) -> dict[str, Any]:
    """Repeat each row ``times`` times: the first prompt's rows, then the second's."""
    return {
        name: [row for row in value for _ in range(times)]
        if isinstance(value, list)
        else value.repeat_interleave(times, dim=0)
        for name, value in conditioning.items()
    }


def in_float32(conditioning: Conditioning) -> dict[str, Any]:
    """Return a conditioning with half-precision tensors as float32: pipelines draw noise in their type."""

    def cast(value: Any) -> Any:
        return value.float() if value.is_floating_point() else value

    return {
        name: [cast(row) for row in value] if isinstance(value, list) else cast(value)
        for name, value in conditioning.items()
    }
