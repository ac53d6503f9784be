"""A scene and its rendering: a subject, its pose and place, what it wears, its property, the light."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from miniature.world import patterns  # noqa: F401 - it registers the patterns
from miniature.world.accessories import ACCESSORIES
from miniature.world.canvas import FACTOR, SIZE, Pen, frame, layer, reduced, reduced_layer
from miniature.world.lighting import Light, contact_shadow, expose, over, reflect, shade, submerge
from miniature.world.painter_registry import painter_of
from miniature.world.pose import Anchors, Pose, Torso
from miniature.world.properties import (
    Extent,
    draw_cube,
    drops,
    gloss,
    puddle,
    recolored,
    soaked,
    sparkle,
)
from miniature.world.rng import Rng
from miniature.world.surroundings import Setting, all_contexts
from miniature.world.vectors import Vector

#: A subject one unit high is two thirds of the frame.
UNIT = SIZE * 2 / 3


@dataclass(frozen=True)
class Scene:
    """Everything that a picture shows.

    ``context`` is the id of an official context or of plain surroundings; ``accessory`` and
    ``property`` are ids or None; ``seed`` fixes the details of the background.
    """

    vector: Vector
    context: str
    pose: Pose = field(default_factory=Pose)
    light: Light = field(default_factory=Light)
    accessory: str | None = None
    property: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class Truth:
    """What is to be seen in a rendering: ids, and the caption words of colors and pattern.

    ``context`` is None in plain surroundings. ``colors`` names the main color first.
    """

    class_noun: str
    context: str | None
    accessory: str | None
    property: str | None
    colors: tuple[str, ...]
    pattern: str


@dataclass(frozen=True)
class Rendering:
    """A picture (uint8, 64 x 64 x 3), the subject's alpha with its accessory (uint8, 64 x 64), the truth,
    and the anchors of a live subject."""

    image: np.ndarray
    mask: np.ndarray
    truth: Truth
    anchors: Anchors | None


def truth_of(scene: Scene) -> Truth:
    """Return a scene's ground truth."""
    recolor = scene.property if scene.property in ("red", "purple") else None
    colors = (recolor,) if recolor else scene.vector.colors
    context = scene.context if all_contexts()[scene.context].text else None
    vector = scene.vector
    return Truth(vector.noun, context, scene.accessory, scene.property, colors, vector.word("pattern"))


def _subject(scene: Scene, setting: Setting) -> tuple[np.ndarray, Anchors | None]:
    """Draw the subject on a transparent layer: float 64 x 64 x 4."""
    vector, pose = scene.vector, scene.pose
    painter = painter_of(vector.noun)
    if scene.property in ("red", "purple"):
        vector = recolored(vector, scene.property)
    sheet = layer()
    size = UNIT * FACTOR * painter.size * pose.scale * setting.scale
    pen = Pen(sheet, (size, 0.0, 0.0, -size, (32 + pose.x) * FACTOR, (setting.ground + pose.y) * FACTOR)).at(
        0, 0, pose.lean
    )
    anchors = None
    if pose.flip:
        pen = pen.affine(-1, 0, 0, 1, 0, 0)
    if scene.property == "cube":
        draw_cube(pen, vector)
    else:
        worn = ACCESSORIES[scene.accessory] if scene.accessory else None

        def dress(torso: Torso) -> None:
            for draw in worn.torso if worn else ():
                draw(torso)

        anchors = painter.paint(pen, vector, pose, dress)
        if worn and anchors:
            for put_on in worn.head:
                put_on(anchors.head)
    return reduced_layer(sheet), anchors


def _extent(alpha: np.ndarray) -> Extent:
    rows, columns = np.flatnonzero(alpha.max(axis=1) > 100), np.flatnonzero(alpha.max(axis=0) > 100)
    if not rows.size:
        return Extent(31, 31, 33, 33)
    return Extent(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def render(scene: Scene) -> Rendering:
    """Render a scene. The same scene gives the same bits on every machine."""
    rng = Rng(scene.seed)
    canvas = frame()
    pen = Pen.over(canvas)
    setting = all_contexts()[scene.context].draw(pen, rng)
    subject, anchors = _subject(scene, setting)
    extent = _extent(subject[..., 3])
    if scene.property == "wet":
        puddle(pen, extent)
    background = reduced(canvas)
    subject = shade(subject, scene.light)
    if scene.property == "shiny":
        subject = gloss(subject, extent, scene.light.side, rng)
    elif scene.property == "wet":
        subject = soaked(subject)
    np.clip(subject, 0, 255, out=subject)
    if setting.liquid:
        subject = submerge(subject, setting.liquid, setting.waterline)
    if setting.mirrored:
        background = reflect(background, subject, extent.bottom - 1)
    background = contact_shadow(background, subject[..., 3], scene.light, setting.shadow)
    picture = over(background, subject)
    mask = subject[..., 3]
    front = _front(scene, setting, extent, rng)
    if front is not None:
        picture = over(picture, front)
        if setting.front:
            mask = mask * (1 - front[..., 3] * np.float32(1 / 255))
    return Rendering(
        expose(picture, scene.light), (mask + np.float32(0.5)).astype(np.uint8), truth_of(scene), anchors
    )


def _front(scene: Scene, setting: Setting, extent: Extent, rng: Rng) -> np.ndarray | None:
    """Draw what lies over the subject: grass, ripples, drops and sparkles; None when there is nothing."""
    if setting.front is None and scene.property not in ("shiny", "wet"):
        return None
    sheet = layer()
    pen = Pen.over(sheet)
    if setting.front:
        setting.front(pen, rng)
    if scene.property == "shiny":
        sparkle(pen, extent, scene.light.side, rng)
    elif scene.property == "wet":
        drops(pen, extent, rng)
    return reduced_layer(sheet)
