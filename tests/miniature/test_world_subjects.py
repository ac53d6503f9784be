"""Vectors, and the 30 held-out subjects."""

from __future__ import annotations

import numpy as np
import pytest

from miniature.world import (
    CLASS_NOUNS,
    HELD_OUT_DISTANCE,
    all_painters,
    distance,
    held_out_subjects,
    sample_vector,
)
from miniature.world.palette import COLOR_WORDS, color_word, shade_of
from miniature.world.rng import Rng
from miniature.world.vectors import draw_vector

PHOTOS = {
    "backpack": 6, "backpack_dog": 5, "bear_plushie": 5, "berry_bowl": 6, "can": 6,
    "candle": 5, "cat": 5, "cat2": 5, "clock": 6, "colorful_sneaker": 5,
    "dog": 5, "dog2": 6, "dog3": 6, "dog5": 5, "dog6": 5,
    "dog7": 5, "dog8": 5, "duck_toy": 4, "fancy_boot": 6, "grey_sloth_plushie": 5,
    "monster_toy": 5, "pink_sunglasses": 6, "poop_emoji": 5, "rc_car": 5, "red_cartoon": 4,
    "robot_toy": 5, "shiny_sneaker": 6, "teapot": 5, "vase": 6, "wolf_plushie": 5,
}  # fmt: skip


def test_the_held_out_subjects_mirror_the_official_ones() -> None:
    subjects = held_out_subjects()
    assert {name: entry.photos for name, entry in subjects.items()} == PHOTOS
    assert sum(entry.photos for entry in subjects.values()) == 158
    assert {entry.vector.noun for entry in subjects.values()} == set(CLASS_NOUNS)
    assert sum(entry.category == "live" for entry in subjects.values()) == 9


@pytest.mark.parametrize("noun", CLASS_NOUNS)
def test_training_draws_keep_their_distance_from_held_out_subjects(noun: str) -> None:
    rng = np.random.default_rng(0)
    held_out = [entry.vector for entry in held_out_subjects().values() if entry.vector.noun == noun]
    for _ in range(60):
        vector = sample_vector(noun, rng)
        assert min(distance(vector, other) for other in held_out) >= HELD_OUT_DISTANCE


def test_close_draws_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    # The prior first yields a held-out subject itself, then something else.
    from miniature.world import vectors

    own = held_out_subjects()["cat2"].vector
    other = next(v for v in (draw_vector("cat", Rng(i)) for i in range(99)) if distance(v, own) > 0.4)
    draws = iter([own, own.replaced(build=own.num("build") + 0.05), other])
    monkeypatch.setattr(vectors, "draw_vector", lambda noun, rng: next(draws))
    assert sample_vector("cat", np.random.default_rng(0)) is other


def test_distance_is_a_normalized_distance() -> None:
    for noun in CLASS_NOUNS:
        a, b = draw_vector(noun, Rng(1)), draw_vector(noun, Rng(2))
        assert distance(a, a) == 0
        assert 0 < distance(a, b) == distance(b, a) <= 1
    with pytest.raises(ValueError, match="have no distance"):
        distance(draw_vector("cat", Rng(0)), draw_vector("dog", Rng(0)))


def test_held_out_subjects_of_a_class_differ() -> None:
    vectors = [entry.vector for entry in held_out_subjects().values()]
    pairs = [(a, b) for i, a in enumerate(vectors) for b in vectors[:i] if a.noun == b.noun]
    assert min(distance(a, b) for a, b in pairs) > HELD_OUT_DISTANCE


def test_priors_are_wide_and_values_within_them() -> None:
    for noun, painter in all_painters().items():
        drawn = [draw_vector(noun, Rng(i)) for i in range(40)]
        assert all(set(vector.values) == set(painter.prior) for vector in drawn)
        assert len({vector.colors[0] for vector in drawn}) >= 5
        assert len({vector.word("pattern") for vector in drawn}) >= 3


def test_color_words_name_their_own_shades() -> None:
    rng = Rng(0)
    for word in COLOR_WORDS:
        assert all(color_word(shade_of(word, rng)) == word for _ in range(20))
