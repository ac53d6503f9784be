"""The miniature's world: drawn, captioned pictures of 64 x 64 pixels with their ground truth."""

from __future__ import annotations

from miniature.world.accessories import ACCESSORIES, Accessory
from miniature.world.canvas import SIZE
from miniature.world.captions import caption
from miniature.world.lighting import Light
from miniature.world.painter_registry import all_painters
from miniature.world.palette import COLOR_WORDS, PATTERN_WORDS, color_word
from miniature.world.photos import photo, photo_scene, write_photos
from miniature.world.pose import Pose
from miniature.world.properties import PROPERTIES
from miniature.world.scene import Rendering, Scene, Truth, render, truth_of
from miniature.world.scene_sampling import sample_scene, scene_for_prompt
from miniature.world.surroundings import Surroundings, all_contexts
from miniature.world.vectors import (
    HELD_OUT_DISTANCE,
    HeldOutSubject,
    Vector,
    distance,
    held_out_subjects,
    sample_vector,
)

#: The 15 class nouns, in alphabetical order.
CLASS_NOUNS: tuple[str, ...] = tuple(all_painters())

#: The 20 official contexts by id, in the official order (live subjects have the first ten).
CONTEXTS: dict[str, Surroundings] = {name: entry for name, entry in all_contexts().items() if entry.text}

#: The plain surroundings by id.
PLAIN_SURROUNDINGS: dict[str, Surroundings] = {
    name: entry for name, entry in all_contexts().items() if not entry.text
}

__all__ = [
    "ACCESSORIES",
    "CLASS_NOUNS",
    "COLOR_WORDS",
    "CONTEXTS",
    "HELD_OUT_DISTANCE",
    "PATTERN_WORDS",
    "PLAIN_SURROUNDINGS",
    "PROPERTIES",
    "SIZE",
    "Accessory",
    "HeldOutSubject",
    "Light",
    "Pose",
    "Rendering",
    "Scene",
    "Surroundings",
    "Truth",
    "Vector",
    "all_painters",
    "caption",
    "color_word",
    "distance",
    "held_out_subjects",
    "photo",
    "photo_scene",
    "render",
    "sample_scene",
    "sample_vector",
    "scene_for_prompt",
    "truth_of",
    "write_photos",
]
