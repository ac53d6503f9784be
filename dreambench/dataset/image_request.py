"""One image that a model is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ImageRequest:
    """One image to make: its prompt, the seed of its noise, and its file.

    ``prompt_index`` is its prompt's place in a list of prompts, ``image_index`` its number among the images
    of one prompt; both count from 0.
    """

    prompt: str
    seed: int
    file: Path
    prompt_index: int = 0
    image_index: int = 0
