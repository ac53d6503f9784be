"""The world's drawing: every prompt renders, masks and anchors are sane, the bits never change."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest

from dreambench.errors import DreambenchError
from miniature.world import (
    ACCESSORIES,
    CLASS_NOUNS,
    CONTEXTS,
    PLAIN_SURROUNDINGS,
    PROPERTIES,
    Scene,
    all_painters,
    held_out_subjects,
    render,
    sample_scene,
    sample_vector,
    scene_for_prompt,
    truth_of,
)
from miniature.world.canvas import Pen, frame
from miniature.world.raster import is_stable

NOUNS = [
    "backpack",
    "boot",
    "bowl",
    "can",
    "candle",
    "cartoon",
    "cat",
    "clock",
    "dog",
    "glasses",
    "sneaker",
    "teapot",
    "toy",
    "vase",
    "stuffed animal",
]
OBJECT_PLACES = [
    "in the jungle",
    "in the snow",
    "on the beach",
    "on a cobblestone street",
    "on top of pink fabric",
    "on top of a wooden floor",
    "with a city in the background",
    "with a mountain in the background",
    "with a blue house in the background",
    "on top of a purple rug in a forest",
    "with a wheat field in the background",
    "with a tree and autumn leaves in the background",
    "with the Eiffel Tower in the background",
    "floating on top of water",
    "floating in an ocean of milk",
    "on top of green grass with sunflowers around it",
    "on top of a mirror",
    "on top of the sidewalk in a crowded street",
    "on top of a dirt road",
    "on top of a white rug",
]
OUTFITS = [
    "wearing a red hat",
    "wearing a santa hat",
    "wearing a rainbow scarf",
    "wearing a black top hat and a monocle",
    "in a chef outfit",
    "in a firefighter outfit",
    "in a police outfit",
    "wearing pink glasses",
    "wearing a yellow shirt",
    "in a purple wizard outfit",
]
WORDS = ("red", "purple", "shiny", "wet", "cube shaped")
OBJECT_PROMPTS = [f"a {{0}} {{1}} {place}" for place in OBJECT_PLACES] + [
    f"a {word} {{0}} {{1}}" for word in WORDS
]
LIVE_PROMPTS = (
    [f"a {{0}} {{1}} {place}" for place in OBJECT_PLACES[:10]]
    + [f"a {{0}} {{1}} {outfit}" for outfit in OUTFITS]
    + [f"a {word} {{0}} {{1}}" for word in WORDS]
)


def test_the_world_has_the_official_counts() -> None:
    assert sorted(CLASS_NOUNS) == sorted(NOUNS)
    assert [entry.text for entry in CONTEXTS.values()] == OBJECT_PLACES
    assert [entry.text for entry in ACCESSORIES.values()] == OUTFITS
    assert tuple(PROPERTIES.values()) == WORDS
    assert len(PLAIN_SURROUNDINGS) >= 8
    assert {noun for noun, painter in all_painters().items() if painter.category == "live"} == {"cat", "dog"}


@pytest.mark.parametrize("subject", sorted(held_out_subjects()))
def test_every_official_prompt_renders(subject: str) -> None:
    entry = held_out_subjects()[subject]
    prompts = LIVE_PROMPTS if entry.category == "live" else OBJECT_PROMPTS
    rng = np.random.default_rng(3)
    seen = set()
    for prompt in prompts:
        scene = scene_for_prompt(prompt, entry.vector, rng)
        rendering = render(scene)
        seen.add((scene.context if scene.context in CONTEXTS else None, scene.accessory, scene.property))
        assert rendering.image.shape == (64, 64, 3)
        assert rendering.image.dtype == rendering.mask.dtype == np.uint8
        assert rendering.mask.shape == (64, 64)
        assert (rendering.mask > 127).sum() > 150
    assert len(seen) == 25


@pytest.mark.parametrize("prompt", ["a dog in the snow", "a sks dog in the snow", "a {0} {1} in the snow"])
def test_prompts_are_understood_with_and_without_identifier(prompt: str) -> None:
    vector = held_out_subjects()["dog"].vector
    assert scene_for_prompt(prompt, vector, np.random.default_rng(0)).context == "snow"


def test_unknown_requests_are_errors() -> None:
    rng = np.random.default_rng(0)
    vase = held_out_subjects()["vase"].vector
    with pytest.raises(DreambenchError, match="cannot draw"):
        scene_for_prompt("a vase on the moon", vase, rng)
    with pytest.raises(DreambenchError, match="no accessories"):
        scene_for_prompt("a vase wearing a red hat", vase, rng)
    with pytest.raises(DreambenchError, match="unknown context"):
        sample_scene(rng, "vase", context="moon")
    with pytest.raises(DreambenchError, match="cannot draw a 'unicorn'"):
        sample_vector("unicorn", rng)


def test_subjects_are_about_two_thirds_of_the_frame_high() -> None:
    rng = np.random.default_rng(1)
    heights = []
    for noun in CLASS_NOUNS:
        for _ in range(12):
            rows = np.flatnonzero(render(sample_scene(rng, noun, context="studio")).mask.max(axis=1) > 127)
            heights.append(rows[-1] - rows[0] + 1)
    assert 0.6 < np.mean(heights) / 64 < 0.75
    assert min(heights) >= 18


def test_the_mask_is_where_the_subject_is() -> None:
    rng = np.random.default_rng(2)
    for noun in CLASS_NOUNS:
        plain = sample_scene(rng, noun, context="studio")
        rendering = render(plain)
        other = render(Scene(**{**plain.__dict__, "seed": plain.seed + 1}))
        assert (rendering.mask == other.mask).all()  # the background is no part of it
        inside = rendering.mask == 255
        assert (rendering.image[inside] == other.image[inside]).all()
        assert 0.05 < inside.mean() < 0.7


def test_objects_with_a_handedness_never_flip() -> None:
    rng = np.random.default_rng(4)
    for noun in ("boot", "sneaker", "teapot"):
        vector = sample_vector(noun, rng)
        assert not any(sample_scene(rng, vector=vector).pose.flip for _ in range(60))
    cat = sample_vector("cat", rng)
    assert {sample_scene(rng, vector=cat).pose.flip for _ in range(60)} == {False, True}


@pytest.mark.parametrize("accessory", ACCESSORIES)
@pytest.mark.parametrize("noun", ["cat", "dog"])
def test_accessories_sit_on_anchors_inside_the_frame(noun: str, accessory: str) -> None:
    rng = np.random.default_rng(5)
    for _ in range(6):
        rendering = render(sample_scene(rng, noun, accessory=accessory))
        assert rendering.anchors is not None
        head, torso = rendering.anchors.head, rendering.anchors.torso
        crown = head.pen.pixel(0, head.ry)
        points = [crown, head.pen.pixel(0, 0), *(head.pen.pixel(*eye) for eye in head.eyes)]
        points += [torso.pen.pixel(*torso.neck[:2]), torso.pen.pixel(*torso.chest)]
        assert all(0 < x < 64 and 0 < y < 64 for x, y in points)
        assert all(rendering.mask[int(y), int(x)] > 127 for x, y in points[1:])
        assert crown[1] < points[1][1] < points[4][1]  # crown above the head's center above the neck


def _mean_color(scene: Scene) -> np.ndarray:
    rendering = render(scene)
    return rendering.image[rendering.mask > 200].mean(axis=0)


@pytest.mark.parametrize("noun", CLASS_NOUNS)
def test_properties_show(noun: str) -> None:
    rng = np.random.default_rng(6)
    vector = sample_vector(noun, rng)
    scene = sample_scene(rng, vector=vector, context="studio")
    shown: Callable[[str], Scene] = lambda name: Scene(**{**scene.__dict__, "property": name})  # noqa: E731
    red, purple = _mean_color(shown("red")), _mean_color(shown("purple"))
    assert red[0] > red[1] + 25
    assert red[0] > red[2] + 25
    assert purple[2] > purple[1] + 20
    assert _mean_color(shown("wet")).mean() < _mean_color(scene).mean()
    assert truth_of(shown("red")).colors == ("red",)
    plain = render(scene)
    for name in PROPERTIES:
        assert (np.abs(render(shown(name)).image.astype(int) - plain.image).max(axis=2) > 40).sum() > 60


def test_rendering_is_the_same_on_every_machine() -> None:
    # One hash over all classes, contexts, outfits and properties: checked with Pillow 10.1, 10.4 and 13.0.
    digest = hashlib.sha256()
    rng = np.random.default_rng(7)
    for _ in range(240):
        rendering = render(sample_scene(rng))
        digest.update(rendering.image.tobytes() + rendering.mask.tobytes())
    assert digest.hexdigest() == "7bf998d0876b39f150a2e0653976f7fdfdabc3aba11a1c85678d89ca60f45bc8"


def test_only_stable_polygons_are_left_to_the_library() -> None:
    assert is_stable([(0, 0), (4, 0), (4, 3), (0, 3)])
    assert not is_stable([(0, 0), (4, 1), (4, 3), (0, 3)])
    assert not is_stable([(0, 0), (4, 0), (2, 5)])


def test_a_pen_maps_local_units_to_pixels() -> None:
    pen = Pen.over(frame()).at(32, 32, 0, 10)
    assert pen.pixel(1, 0) == (42, 32)
    x, y = pen.at(0, 0, 30).pixel(1, 0)
    assert (x, y) == (pytest.approx(32 + 8.660254, abs=1e-4), pytest.approx(37, abs=1e-4))
