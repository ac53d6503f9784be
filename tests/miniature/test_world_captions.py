"""Captions are the official words, and true."""

from __future__ import annotations

import numpy as np
import pytest

from miniature.world import (
    ACCESSORIES,
    CLASS_NOUNS,
    COLOR_WORDS,
    CONTEXTS,
    PATTERN_WORDS,
    PROPERTIES,
    caption,
    held_out_subjects,
    sample_scene,
    sample_vector,
    truth_of,
)


def test_captions_without_attributes_are_the_official_prompts() -> None:
    rng = np.random.default_rng(0)
    for noun in CLASS_NOUNS:
        vector = sample_vector(noun, rng)
        for context in CONTEXTS.values():
            scene = sample_scene(rng, vector=vector, context=context.id)
            assert caption(scene, rng, attributes=False) == f"a {noun} {context.text}"
        for name, words in PROPERTIES.items():
            scene = sample_scene(rng, vector=vector, property=name)
            assert caption(scene, rng, attributes=False) == f"a {words} {noun}"
    for accessory in ACCESSORIES.values():
        scene = sample_scene(rng, "cat", accessory=accessory.id)
        assert caption(scene, rng, attributes=False) == f"a cat {accessory.text}"
    plain = {caption(sample_scene(rng, "dog", context="lawn"), rng, attributes=False) for _ in range(30)}
    assert plain == {"a dog", "a photo of a dog"}


def test_attribute_words_are_true_and_told_half_of_the_time() -> None:
    rng = np.random.default_rng(1)
    told, total = 0, 500
    for _ in range(total):
        scene = sample_scene(rng)
        truth, text = truth_of(scene), caption(scene, rng)
        head = text.removeprefix("a photo of ").split(f" {truth.class_noun}")[0]
        words = set(head.split()[1:]) - {"and", *" ".join(PROPERTIES.values()).split()}
        allowed = {*truth.colors, PATTERN_WORDS.get(truth.pattern, "")}
        assert words <= allowed, text
        assert words <= {*COLOR_WORDS, *PATTERN_WORDS.values()}
        told += bool(words)
    assert 0.35 < told / total < 0.6


@pytest.mark.parametrize(
    ("subject", "color", "pattern"),
    [
        ("backpack", "red", "plain"),
        ("dog8", "white", "patched"),
        ("cat", "orange", "striped"),
        ("duck_toy", "yellow", "plain"),
        ("wolf_plushie", "grey", "plain"),
        ("poop_emoji", "brown", "plain"),
        ("pink_sunglasses", "pink", "plain"),
    ],
)
def test_held_out_subjects_are_called_what_they_look_like(subject: str, color: str, pattern: str) -> None:
    vector = held_out_subjects()[subject].vector
    assert vector.colors[0] == color
    assert vector.word("pattern") == pattern


def test_articles_fit_their_attribute() -> None:
    rng = np.random.default_rng(2)
    cat = held_out_subjects()["cat"].vector
    texts = {caption(sample_scene(rng, vector=cat, context="lawn"), rng, attributes=True) for _ in range(40)}
    assert "an orange cat" in texts
    assert "a striped orange cat" in texts
