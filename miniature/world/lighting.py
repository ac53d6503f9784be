"""Light on the finished layers: form shading, contact shadow, reflection, liquid and tint, at 64 x 64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from miniature.world.canvas import SIZE
from miniature.world.palette import Color

_ROWS = np.arange(SIZE, dtype=np.float32)[:, None]
_COLUMNS = np.arange(SIZE, dtype=np.float32)[None, :]


@dataclass(frozen=True)
class Light:
    """One picture's light: from the left (-1) or right (1), how strong its shading is (about 0.6 to 1.2),
    how bright it is (0.9 to 1.06) and how warm (-1 bluish to 1 yellowish)."""

    side: int = -1
    strength: float = 1.0
    brightness: float = 1.0
    warmth: float = 0.0


def shade(subject: np.ndarray, light: Light) -> np.ndarray:
    """Return the subject (float 64 x 64 x 4) rounded by light: brighter rims towards it, darker ones away."""
    alpha = Image.fromarray(subject[..., 3].astype(np.uint8))
    soft = np.asarray(alpha.filter(ImageFilter.BoxBlur(3))).astype(np.float32)
    wide = np.pad(soft, 2, mode="edge")
    near = wide[:-4, :-4] if light.side < 0 else wide[:-4, 4:]  # up and towards the light
    far = wide[4:, 4:] if light.side < 0 else wide[4:, :-4]
    form = (far - near) * np.float32(0.13 / 255 * light.strength)
    slope = (_COLUMNS - 32) * np.float32(0.0022 * light.side) - (_ROWS - 34) * np.float32(0.0026)
    gain = 1 + form + slope * np.float32(light.strength)
    subject[..., :3] = subject[..., :3] * gain[..., None]
    return subject


def contact_shadow(background: np.ndarray, alpha: np.ndarray, light: Light, strength: float) -> np.ndarray:
    """Return the background (float 64 x 64 x 3) with a soft shadow where the subject touches the ground."""
    rows = np.flatnonzero(alpha.max(axis=1) > 100)
    if strength <= 0 or not rows.size:
        return background
    bottom = int(rows[-1])
    columns = np.flatnonzero(alpha[max(0, bottom - 6) : bottom + 1].max(axis=0) > 100)
    left, right = int(columns[0]), int(columns[-1])
    half = (right - left) / 2 + 3.5
    x = (left + right) / 2 - 2.5 * light.side
    across, along = (
        (_COLUMNS - np.float32(x)) / np.float32(half),
        (_ROWS - np.float32(bottom - 0.5)) / np.float32(4.2),
    )
    veil = np.clip(np.float32(1.25) - across * across - along * along, 0, 1) * np.float32(strength)
    return background * (1 - veil[..., None]) + np.array((18, 14, 30), np.float32) * veil[..., None]


def reflect(background: np.ndarray, subject: np.ndarray, ground: float) -> np.ndarray:
    """Return the background with the subject mirrored below the ground line, dimmed."""
    line = int(ground)
    depth = min(SIZE - line, line)
    flipped = subject[line - depth : line][::-1]
    share = flipped[..., 3:] * np.float32(0.62 / 255)
    below = background[line : line + depth]
    background[line : line + depth] = below * (1 - share) + flipped[..., :3] * share
    return background


def submerge(subject: np.ndarray, liquid: Color, waterline: float) -> np.ndarray:
    """Return the subject with what is below the waterline seen through the liquid, and soon not at all."""
    sunk = np.clip((_ROWS - np.float32(waterline)) / 7, 0, 1)[..., None]
    wet = (waterline <= _ROWS)[..., None]
    under = subject[..., :3] * np.float32(0.45) + np.array(liquid, np.float32) * np.float32(0.55)
    subject[..., :3] = np.where(wet, under, subject[..., :3])
    subject[..., 3:] = subject[..., 3:] * (1 - sunk)
    return subject


def over(background: np.ndarray, layer: np.ndarray) -> np.ndarray:
    """Return a layer (float 64 x 64 x 4) laid over the background (float 64 x 64 x 3)."""
    share = layer[..., 3:] * np.float32(1 / 255)
    return background * (1 - share) + layer[..., :3] * share


def expose(picture: np.ndarray, light: Light) -> np.ndarray:
    """Return the finished picture as uint8, under the light's brightness and tint."""
    tint = np.array((1 + 0.035 * light.warmth, 1.0, 1 - 0.045 * light.warmth), np.float32)
    return np.clip(picture * (tint * np.float32(light.brightness)) + np.float32(0.5), 0, 255).astype(np.uint8)
