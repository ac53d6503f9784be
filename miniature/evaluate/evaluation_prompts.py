"""What the untouched model is asked for, and renderings that show the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from dreambench.dataset.prompts import Category, official_prompts
from miniature.train.data import STREAMS, labels_of
from miniature.world import (
    CLASS_NOUNS,
    all_painters,
    render,
    sample_vector,
    scene_for_prompt,
    truth_of,
)

#: Images of `a [class noun]` for each of the 15 nouns.
PLAIN_IMAGES = 40
#: Images of each official prompt for each class noun; live subjects are two classes, objects thirteen.
PROMPT_IMAGES = {"object": 3, "live": 12}


@dataclass(frozen=True)
class EvaluationPrompt:
    """One image to draw: the class noun, the prompt without identifier, and the prompt's kind.

    ``kind`` is "plain" for ``a [class noun]``, otherwise that of the official prompt.
    """

    noun: str
    prompt: str
    kind: str


def evaluation_prompts(
    plain: int = PLAIN_IMAGES, per_prompt: dict[str, int] | None = None
) -> list[EvaluationPrompt]:
    """Return every image that the evaluation of the untouched model asks for."""
    counts = PROMPT_IMAGES if per_prompt is None else per_prompt
    prompts = [EvaluationPrompt(noun, f"a {noun}", "plain") for noun in CLASS_NOUNS for _ in range(plain)]
    for noun in CLASS_NOUNS:
        category = cast(Category, all_painters()[noun].category)
        for prompt in official_prompts(category):
            prompts += [EvaluationPrompt(noun, prompt.text(noun), prompt.kind)] * counts[category]
    return prompts


def rendered(prompts: Sequence[EvaluationPrompt], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw new subjects as the prompts ask for: uint8 images [n, 64, 64, 3] and labels int64 [n, 6]."""
    rng = np.random.default_rng((STREAMS["evaluate"], seed, 1))
    images, labels = [], []
    for each in prompts:
        scene = scene_for_prompt(each.prompt, sample_vector(each.noun, rng), rng)
        images.append(render(scene).image)
        labels.append(labels_of(truth_of(scene)))
    return np.stack(images), np.array(labels, np.int64)
