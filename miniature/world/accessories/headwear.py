"""Hats, helmets, glasses and the monocle."""

from __future__ import annotations

from miniature.world.accessories.accessory_registry import GOLD, NAVY, PURPLE, RED, WHITE, head_piece
from miniature.world.canvas import Pen
from miniature.world.palette import Color, dark, light
from miniature.world.pose import Head
from miniature.world.shapes import Points, arc, box, fluffy, smooth, star, tube


def _brim(
    pen: Pen, head: Head, color: Color, wide: float = 1.0, y: float = 0.72, thick: float = 0.17
) -> None:
    pen.oval(0, head.ry * y, head.rx * wide, head.ry * thick, fill=color)


@head_piece("red_hat", "wearing a red hat", 11)
def red_hat(head: Head) -> None:
    """A round red hat with a wide brim and a dark band."""
    pen, rx, ry = head.pen, head.rx, head.ry
    _brim(pen, head, dark(RED, 0.12), 1.1, 0.74, 0.2)
    pen.fill(
        smooth(
            [
                (-rx * 0.66, ry * 0.76),
                (-rx * 0.6, ry * 1.4),
                (0, ry * 1.62),
                (rx * 0.6, ry * 1.4),
                (rx * 0.66, ry * 0.76),
                (0, ry * 0.66),
            ]
        ),
        RED,
    )
    pen.fill(
        tube([(-rx * 0.64, ry * 0.9), (0, ry * 0.8), (rx * 0.64, ry * 0.9)], ry * 0.2), (96, 12, 22), False
    )


@head_piece("santa_hat", "wearing a santa hat", 12)
def santa_hat(head: Head) -> None:
    """A red cap that falls to the side, with a white rim and bobble."""
    pen, rx, ry = head.pen, head.rx, head.ry
    pen.fill(
        smooth(
            [
                (-rx * 0.72, ry * 0.72),
                (-rx * 0.45, ry * 1.4),
                (rx * 0.1, ry * 1.85),
                (rx * 0.75, ry * 1.6),
                (rx * 1.12, ry * 0.95),
                (rx * 0.72, ry * 1.12),
                (rx * 0.72, ry * 0.72),
            ]
        ),
        RED,
    )
    pen.fill(fluffy(0, ry * 0.76, rx * 0.92, ry * 0.25, 12, 0.2), WHITE, (190, 190, 200))
    pen.oval(rx * 1.1, ry * 0.9, rx * 0.24, fill=WHITE, outline=(190, 190, 200))


@head_piece("top_hat", "wearing a black top hat and a monocle", 14)
def top_hat(head: Head) -> None:
    """A tall black hat with a gray band, and a golden monocle on a chain."""
    pen, rx, ry = head.pen, head.rx, head.ry
    black: Color = (30, 28, 36)
    _brim(pen, head, black, 0.98, 0.74, 0.17)
    pen.fill(
        [(-rx * 0.55, ry * 0.76), (-rx * 0.62, ry * 1.85), (rx * 0.62, ry * 1.85), (rx * 0.55, ry * 0.76)],
        black,
        (90, 88, 100),
    )
    pen.oval(0, ry * 1.85, rx * 0.62, ry * 0.12, fill=(60, 58, 68), outline=(90, 88, 100))
    pen.fill(box(-rx * 0.56, ry * 0.88, rx * 0.56, ry * 1.1), (170, 40, 60), False)
    x, y = head.eyes[1]
    r = head.eye * 1.6
    pen.arc(x, y, r, r, 0.0, 1.0, (120, 84, 16), 2.2)
    pen.arc(x, y, r, r, 0.0, 1.0, GOLD, 1.3)
    pen.stroke([(x + r, y - r * 0.4), (x + r * 1.5, y - r * 2.2), (x + r * 0.9, y - r * 3.4)], GOLD, 0.8)


@head_piece("chef", "in a chef outfit", 15)
def chef_toque(head: Head) -> None:
    """A tall white toque, puffed at the top."""
    pen, rx, ry = head.pen, head.rx, head.ry
    line: Color = (168, 172, 184)
    for x, y, r in ((-0.5, 1.5, 0.44), (0.5, 1.5, 0.44), (0.0, 1.72, 0.52)):
        pen.oval(rx * x, ry * y, rx * r, ry * r, fill=WHITE, outline=line)
    pen.fill(
        smooth(
            [
                (-rx * 0.7, ry * 1.45),
                (0, ry * 1.7),
                (rx * 0.7, ry * 1.45),
                (rx * 0.5, ry * 1.1),
                (-rx * 0.5, ry * 1.1),
            ]
        ),
        WHITE,
        False,
    )
    pen.fill(box(-rx * 0.6, ry * 0.66, rx * 0.6, ry * 1.2, 0.02), WHITE, line)
    for x in (-0.3, 0.0, 0.3):
        pen.stroke([(rx * x, ry * 0.75), (rx * x, ry * 1.1)], light(line, 0.3), 0.6)


@head_piece("firefighter", "in a firefighter outfit", 16)
def firefighter_helmet(head: Head) -> None:
    """A red helmet with a crest, a broad rim and a golden shield."""
    pen, rx, ry = head.pen, head.rx, head.ry
    red: Color = (204, 36, 30)
    pen.fill(
        smooth(
            [
                (-rx * 0.8, ry * 0.72),
                (-rx * 0.7, ry * 1.25),
                (0, ry * 1.6),
                (rx * 0.7, ry * 1.25),
                (rx * 0.8, ry * 0.72),
                (0, ry * 0.62),
            ]
        ),
        red,
    )
    pen.fill(tube([(0, ry * 1.6), (0, ry * 0.9)], rx * 0.2), dark(red, 0.2), False)
    pen.fill(
        smooth(
            [
                (-rx * 1.15, ry * 0.6),
                (0, ry * 0.86),
                (rx * 1.15, ry * 0.6),
                (rx * 0.6, ry * 0.52),
                (0, ry * 0.6),
                (-rx * 0.6, ry * 0.52),
            ]
        ),
        red,
    )
    pen.fill(
        [
            (-rx * 0.28, ry * 1.3),
            (rx * 0.28, ry * 1.3),
            (rx * 0.24, ry * 0.9),
            (0, ry * 0.72),
            (-rx * 0.24, ry * 0.9),
        ],
        GOLD,
    )


@head_piece("police", "in a police outfit", 17)
def police_cap(head: Head) -> None:
    """A blue peaked cap with a golden badge."""
    pen, rx, ry = head.pen, head.rx, head.ry
    pen.fill(
        smooth(
            [
                (-rx * 0.7, ry * 0.85),
                (-rx * 1.05, ry * 1.3),
                (0, ry * 1.6),
                (rx * 1.05, ry * 1.3),
                (rx * 0.7, ry * 0.85),
            ]
        ),
        NAVY,
    )
    pen.fill(
        tube([(-rx * 0.7, ry * 0.86), (0, ry * 0.78), (rx * 0.7, ry * 0.86)], ry * 0.22), (26, 30, 52), False
    )
    pen.fill(
        smooth(
            [
                (-rx * 0.7, ry * 0.74),
                (0, ry * 0.68),
                (rx * 0.7, ry * 0.74),
                (rx * 0.45, ry * 0.5),
                (-rx * 0.45, ry * 0.5),
            ]
        ),
        (26, 24, 34),
    )
    pen.fill(star(0, ry * 1.16, rx * 0.28), GOLD)


@head_piece("pink_glasses", "wearing pink glasses", 18)
def pink_glasses(head: Head) -> None:
    """Large pink rims around the eyes, with a bridge and arms."""
    pen, r = head.pen, max(head.eye * 1.55, head.rx * 0.36)
    pink: Color = (255, 62, 150)
    (lx, y), (rx, _) = head.eyes
    r = min(r, (rx - lx) * 0.46)
    pen.stroke([(-head.rx * 0.98, y + r * 0.3), (lx - r, y)], pink, 1.4)
    pen.stroke([(rx + r, y), (head.rx * 0.98, y + r * 0.3)], pink, 1.4)
    pen.stroke([(lx + r, y + r * 0.1), (rx - r, y + r * 0.1)], pink, 1.6)
    for x in (lx, rx):
        pen.arc(x, y, r, r, 0.0, 1.0, dark(pink, 0.4), 2.4)
        pen.arc(x, y, r, r, 0.0, 1.0, pink, 1.7)


@head_piece("wizard", "in a purple wizard outfit", 20)
def wizard_hat(head: Head) -> None:
    """A pointed purple hat with a broad brim and a star."""
    pen, rx, ry = head.pen, head.rx, head.ry
    cone: Points = smooth(
        [
            (-rx * 0.6, ry * 0.74),
            (-rx * 0.32, ry * 1.45),
            (rx * 0.1, ry * 2.15),
            (rx * 0.28, ry * 2.1),
            (rx * 0.34, ry * 1.45),
            (rx * 0.6, ry * 0.74),
        ]
    )
    _brim(pen, head, dark(PURPLE, 0.15), 1.12, 0.74, 0.2)
    pen.fill(cone, PURPLE)
    pen.fill(
        [*arc(0, ry * 0.86, rx * 0.58, ry * 0.1, 0.5, 1.0, 6), (rx * 0.55, ry * 1.0), (-rx * 0.55, ry * 1.0)],
        GOLD,
        False,
    )
    pen.fill(star(0, ry * 1.36, rx * 0.26), GOLD, False)
