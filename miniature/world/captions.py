"""Captions: the official templates verbatim, plain ones, and true attribute words."""

from __future__ import annotations

import numpy as np

from miniature.world.accessories import ACCESSORIES
from miniature.world.palette import PATTERN_WORDS
from miniature.world.properties import PROPERTIES
from miniature.world.rng import Rng
from miniature.world.scene import Scene, truth_of
from miniature.world.surroundings import all_contexts

#: How often a caption tells colors or pattern.
ATTRIBUTE_SHARE = 0.5


def _attributes(colors: tuple[str, ...], pattern: str, rng: Rng) -> list[str]:
    """Return true words about color and pattern, in one of the usual orders."""
    word = PATTERN_WORDS.get(pattern)
    forms = [[colors[0]]] if colors else []
    if word:
        forms.append([word])
        if colors:
            forms += [[colors[0], word], [word, colors[0]]]
        if len(colors) > 1:
            forms.append([f"{colors[0]} and {colors[1]}", word])
    return rng.pick(forms) if forms else []


def caption(scene: Scene, rng: np.random.Generator, attributes: bool | None = None) -> str:
    """Return a caption of the scene, with attribute words about half of the time.

    Without them, a scene that an official prompt asks for gets that prompt's words without identifier
    ("a dog in the snow", "a red vase"), and a plain one "a dog" or "a photo of a dog". ``attributes``
    asks for them or forbids them.
    """
    stream, truth = Rng.of(rng), truth_of(scene)
    told = stream.chance(ATTRIBUTE_SHARE) if attributes is None else attributes
    words: list[str] = [PROPERTIES[scene.property]] if scene.property else []
    if told:
        # "red" and "purple" are the color already; the others may be followed by the subject's own.
        words += _attributes(
            () if scene.property in ("red", "purple") else truth.colors, truth.pattern, stream
        )
    subject = " ".join([*words, truth.class_noun])
    parts = [f"{'an' if told and subject[0] in 'aeiou' else 'a'} {subject}"]
    if scene.accessory:
        parts.append(ACCESSORIES[scene.accessory].text)
    place = all_contexts()[scene.context].text
    if place:
        parts.append(place)
    text = " ".join(parts)
    if len(parts) == 1 and not scene.property and stream.chance(0.4):
        return f"a photo of {text}"
    return text
