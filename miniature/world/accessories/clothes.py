"""Shirts, coats, robes and the scarf."""

from __future__ import annotations

from miniature.world.accessories.accessory_registry import GOLD, NAVY, PURPLE, RED, WHITE, torso_piece
from miniature.world.canvas import Paint
from miniature.world.palette import INK, Color, dark
from miniature.world.pose import Torso
from miniature.world.shapes import star, tube

_COAT: Color = (52, 54, 64)


def _garment(torso: Torso, cloth: Color | Paint) -> None:
    """Dress the trunk and its sleeves."""
    seam = dark(cloth.base if isinstance(cloth, Paint) else cloth, 0.5)
    torso.pen.fill(torso.outline, cloth, seam)
    for sleeve in torso.sleeves:
        torso.pen.fill(sleeve, cloth, seam)


@torso_piece("rainbow_scarf", "wearing a rainbow scarf", 13)
def rainbow_scarf(torso: Torso) -> None:
    """A thick scarf in the colors of the rainbow, one end hanging."""
    x, y, half = torso.neck
    cloth = Paint(RED, RED, "rainbow", 0.055)
    torso.pen.fill(
        tube([(x + half * 0.45, y - 0.04), (x + half * 0.65, y - 0.36)], 0.17, 0.19), cloth, (70, 50, 80)
    )
    torso.pen.fill(
        tube([(x - half * 1.25, y + 0.04), (x, y - 0.1), (x + half * 1.25, y + 0.04)], 0.22),
        cloth,
        (70, 50, 80),
    )


@torso_piece("chef", "in a chef outfit", 15)
def chef_jacket(torso: Torso) -> None:
    """A white double-breasted jacket with a red neckerchief."""
    _garment(torso, WHITE)
    pen, (cx, cy), (x, y, half) = torso.pen, torso.chest, torso.neck
    for dx in (-0.06, 0.06):
        for dy in (0.06, -0.04, -0.14):
            pen.oval(cx + dx, cy + dy, 0.024, fill=(70, 74, 86), outline=False)
    pen.fill([(x - half * 0.9, y + 0.04), (x + half * 0.9, y + 0.04), (x, y - 0.13)], RED)


@torso_piece("firefighter", "in a firefighter outfit", 16)
def firefighter_coat(torso: Torso) -> None:
    """A dark coat with bright yellow bands."""
    _garment(torso, Paint(_COAT, (226, 240, 60), "banded", 0.15))
    x, y = torso.chest
    torso.pen.stroke([(x, y + 0.15), (x, y - 0.2)], GOLD, 1.0)


@torso_piece("police", "in a police outfit", 17)
def police_shirt(torso: Torso) -> None:
    """A blue shirt with a black tie and a golden star."""
    _garment(torso, NAVY)
    pen, (cx, cy), (x, y, _) = torso.pen, torso.chest, torso.neck
    pen.fill(
        [
            (x - 0.04, y - 0.02),
            (x + 0.04, y - 0.02),
            ((x + cx) / 2 + 0.05, cy - 0.12),
            ((x + cx) / 2, cy - 0.18),
            ((x + cx) / 2 - 0.05, cy - 0.12),
        ],
        INK,
    )
    pen.fill(star(cx + 0.13, cy + 0.03, 0.085), GOLD)


@torso_piece("yellow_shirt", "wearing a yellow shirt", 19)
def yellow_shirt(torso: Torso) -> None:
    """A plain yellow shirt with a collar."""
    _garment(torso, (252, 212, 40))
    x, y, half = torso.neck
    for side in (-1, 1):
        torso.pen.fill(
            [(x, y - 0.09), (x + side * half * 0.8, y + 0.05), (x + side * half * 0.75, y - 0.08)],
            (255, 230, 110),
        )


@torso_piece("wizard", "in a purple wizard outfit", 20)
def wizard_robe(torso: Torso) -> None:
    """A purple robe with golden stars."""
    _garment(torso, Paint(PURPLE, GOLD, "starry", 0.18))
    x, y, half = torso.neck
    torso.pen.fill(tube([(x - half, y + 0.03), (x, y - 0.05), (x + half, y + 0.03)], 0.07), GOLD)
