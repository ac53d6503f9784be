"""Drawing scenes: at random for training, or for one official prompt."""

from __future__ import annotations

import re

import numpy as np

from dreambench.errors import DreambenchError
from miniature.world.accessories import ACCESSORIES
from miniature.world.lighting import Light
from miniature.world.painter_registry import Painter, all_painters, painter_of
from miniature.world.pose import Pose
from miniature.world.properties import PROPERTIES
from miniature.world.rng import Rng
from miniature.world.scene import Scene
from miniature.world.surroundings import all_contexts
from miniature.world.vectors import Vector, sample_vector

#: Live subjects are asked for in the first ten contexts only (the official live prompts).
LIVE_CONTEXTS = 10

#: Shares of what a training scene is about, by category.
_MIX = {
    "object": {"context": 0.56, "property": 0.22, "plain": 0.22},
    "live": {"context": 0.36, "accessory": 0.28, "property": 0.16, "plain": 0.14, "dressed context": 0.06},
}


def draw_pose(painter: Painter, rng: Rng, hat: bool = False) -> Pose:
    """Return a random pose that keeps the subject (and its hat) within the frame."""
    live = painter.category == "live"
    stance = "stand" if live and rng.chance(0.42) else "sit"
    tight = painter.wide or stance == "stand"
    reach = 1.2 if tight else 3.5
    scale = rng.uniform(0.88, 1.0) if tight else rng.uniform(0.9, 1.1)
    return Pose(
        x=rng.uniform(-reach, reach),
        y=rng.uniform(-1.5, 1.2),
        scale=min(scale, rng.uniform(0.86, 0.93)) if hat else scale,
        lean=rng.uniform(-4, 4) if live else rng.uniform(-5, 5),
        flip=painter.flips and rng.chance(0.5),
        stance=stance,
        turn=rng.uniform(-1, 1),
        tilt=rng.uniform(-1, 1),
        swing=rng.uniform(-1, 1),
    )


def draw_light(rng: Rng) -> Light:
    """Return a random light."""
    return Light(rng.sign(), rng.uniform(0.6, 1.15), rng.uniform(0.93, 1.05), rng.uniform(-1, 1))


def context_ids(category: str) -> tuple[str, ...]:
    """Return the ids of the official contexts of a category, in the official order."""
    official = [entry.id for entry in all_contexts().values() if entry.text]
    return tuple(official[:LIVE_CONTEXTS] if category == "live" else official)


def plain_ids() -> tuple[str, ...]:
    """Return the ids of the plain surroundings."""
    return tuple(entry.id for entry in all_contexts().values() if entry.text is None)


def scene_of(
    vector: Vector,
    rng: Rng,
    context: str | None = None,
    accessory: str | None = None,
    property: str | None = None,
) -> Scene:
    """Return a scene with a random pose, light and background, in random plain surroundings by default."""
    painter = painter_of(vector.noun)
    if accessory and painter.category != "live":
        raise DreambenchError(f"a {vector.noun} wears no accessories", "they belong to cats and dogs")
    where = context or rng.pick(plain_ids())
    hat = bool(accessory and ACCESSORIES[accessory].head)
    return Scene(
        vector, where, draw_pose(painter, rng, hat), draw_light(rng), accessory, property, rng.bits() >> 2
    )


def sample_scene(
    rng: np.random.Generator,
    noun: str | None = None,
    vector: Vector | None = None,
    context: str | None = None,
    accessory: str | None = None,
    property: str | None = None,
) -> Scene:
    """Return a random scene.

    With none of ``context``, ``accessory`` and ``property`` (ids), what the scene is about is drawn too;
    with any of them, the others are left out. Without ``vector`` a new subject of ``noun`` (or of any
    class) is drawn, never one close to a held-out subject. Raises ``DreambenchError`` for an unknown id.
    """
    stream = Rng.of(rng)
    if vector is None:
        vector = sample_vector(noun or stream.pick(tuple(all_painters())), rng)
    for value, known, kind in (
        (context, all_contexts(), "context"),
        (accessory, ACCESSORIES, "accessory"),
        (property, PROPERTIES, "property"),
    ):
        if value is not None and value not in known:
            raise DreambenchError(f"unknown {kind} {value!r}", f"known: {', '.join(known)}")
    if not (context or accessory or property):
        category = painter_of(vector.noun).category
        about = stream.weighted(_MIX[category])
        if about in ("context", "dressed context"):
            context = stream.pick(context_ids(category))
        if about in ("accessory", "dressed context"):
            accessory = stream.pick(tuple(ACCESSORIES))
        if about == "property":
            property = stream.pick(tuple(PROPERTIES))
    return scene_of(vector, stream, context, accessory, property)


def scene_for_prompt(template_text: str, vector: Vector, rng: np.random.Generator) -> Scene:
    """Return a random scene that shows what an official prompt asks for.

    ``template_text`` is the prompt in any form: with the placeholders ``{0} {1}``, with an identifier, or
    without ("a dog in the snow"). "a dog" and "a photo of a dog" give plain surroundings. Raises
    ``DreambenchError`` for other prompts.
    """
    text = " ".join(template_text.split())
    stream = Rng.of(rng)
    for entry in all_contexts().values():
        if entry.text and text.endswith(" " + entry.text):
            return scene_of(vector, stream, context=entry.id)
    for worn in ACCESSORIES.values():
        if text.endswith(" " + worn.text):
            return scene_of(vector, stream, accessory=worn.id)
    for name, words in PROPERTIES.items():
        if re.match(rf"an? {words} ", text):
            return scene_of(vector, stream, property=name)
    if re.fullmatch(rf"(a photo of )?an? (\S+ )?({re.escape(vector.noun)}|\{{1\}})", text):
        return scene_of(vector, stream)
    raise DreambenchError(f"the miniature cannot draw {template_text!r}", "it draws the official prompts")
