"""The toys that stand up: the robot and the monster, and the parts that all toys share."""

from __future__ import annotations

from miniature.world.canvas import Pen
from miniature.world.palette import INK, Color, apart, dark, light
from miniature.world.pose import Pose
from miniature.world.shapes import box, fluffy, smooth, star, tube
from miniature.world.vectors import Vector

_WHITE: Color = (255, 255, 255)


def eye(pen: Pen, x: float, y: float, r: float, look: float = 0.0) -> None:
    """Draw a white eye with a dark pupil."""
    pen.oval(x, y, r, r * 1.08, fill=_WHITE)
    pen.oval(x + look * r * 0.3, y - r * 0.06, r * 0.52, fill=INK, outline=False)


def panel(pen: Pen, v: Vector, x: float, y: float, r: float) -> None:
    """Draw the disc or star on a body."""
    color = apart(v.hue("trim_hue"), v.hue("main"))
    if v.word("panel") == "disc":
        pen.oval(x, y, r, fill=color)
    elif v.word("panel") == "star":
        pen.fill(star(x, y, r * 1.25), color)


def crest(pen: Pen, v: Vector, x: float, y: float) -> None:
    """Draw the part on top of a head whose top is at (x, y)."""
    part, color = v.word("part"), v.hue("trim_hue")
    if part == "crest":
        pen.fill(
            smooth(
                [
                    (x - 0.06, y - 0.03),
                    (x - 0.09, y + 0.09),
                    (x, y + 0.05),
                    (x + 0.05, y + 0.11),
                    (x + 0.07, y - 0.03),
                ]
            ),
            color,
        )
    elif part == "dome":
        pen.stroke([(x, y - 0.03), (x, y + 0.07)], INK, 1.1)
        pen.oval(x, y + 0.08, 0.055, fill=color)
    elif part == "spikes":
        pen.fill(
            [
                (x - 0.17, y - 0.06),
                (x - 0.12, y + 0.07),
                (x - 0.05, y),
                (x, y + 0.1),
                (x + 0.05, y),
                (x + 0.12, y + 0.07),
                (x + 0.17, y - 0.06),
            ],
            color,
        )


def robot(pen: Pen, v: Vector, pose: Pose) -> None:
    """Draw a robot."""
    w, main, trim = v.num("width"), v.hue("main"), apart(v.hue("trim_hue"), v.hue("main"))
    for side in (-1, 1):
        pen.fill(box(side * 0.15 * w - 0.09, 0.08, side * 0.15 * w + 0.09, 0.3), dark(main, 0.3))
        pen.fill(box(side * 0.17 * w - 0.14, 0.0, side * 0.17 * w + 0.13, 0.12, 0.05), trim)
        lift = 0.12 * pose.swing * side
        pen.fill(
            tube(
                [(side * 0.28 * w, 0.53), (side * 0.44 * w, 0.44), (side * 0.44 * w, 0.26 + lift)],
                0.12,
                curved=False,
            ),
            dark(main, 0.18),
        )
        pen.oval(side * 0.44 * w, 0.23 + lift, 0.085, fill=trim)
    pen.fill(box(-0.29 * w, 0.22, 0.29 * w, 0.6, 0.07), v.paint(0.16))
    panel(pen, v, 0, 0.41, 0.11)
    head = pen.at(0, 0.77, pose.tilt * 6)
    if v.word("part") == "plain":
        for side in (-1, 1):
            head.fill(box(side * 0.31 - 0.05, -0.08, side * 0.31 + 0.05, 0.08, 0.03), trim)
    crest(head, v, 0, 0.2)
    head.fill(box(-0.29, -0.17, 0.29, 0.19, 0.12 if v.word("part") == "dome" else 0.06), light(main, 0.1))
    robot_face(head, v, pose.turn)


def robot_face(pen: Pen, v: Vector, look: float) -> None:
    """Draw eyes or visor and mouth around the pen's origin."""
    if v.word("eyes") == "visor":
        pen.fill(box(-0.23, -0.04, 0.23, 0.13, 0.07), INK)
        for side in (-1, 1):
            pen.oval(side * 0.1 + look * 0.03, 0.045, 0.05, fill=(110, 220, 255), outline=False)
    else:
        for side in (-1, 1):
            eye(pen, side * 0.13, 0.05, 0.085, look)
    if v.word("mouth") == "smile":
        pen.arc(0, -0.05, 0.12, 0.07, 0.53, 0.97, INK)
    else:
        pen.fill(box(-0.13, -0.13, 0.13, -0.06), light(v.hue("main"), 0.7))


def monster_face(pen: Pen, v: Vector, look: float) -> None:
    """Draw eyes and an open mouth around the pen's origin."""
    for side in (-1, 1):
        eye(pen, side * 0.15, 0.08, 0.12, look)
    pen.fill(smooth([(-0.2, -0.1), (0.2, -0.1), (0.13, -0.26), (-0.13, -0.26)]), (110, 20, 44), INK)
    if v.word("mouth") == "teeth":
        for x in (-0.1, 0.02):
            pen.fill([(x, -0.1), (x + 0.08, -0.1), (x + 0.04, -0.18)], _WHITE, False)


def monster(pen: Pen, v: Vector, pose: Pose) -> None:
    """Draw a furry monster."""
    w, main, trim = v.num("width"), v.hue("main"), apart(v.hue("trim_hue"), v.hue("main"))
    for side in (-1, 1):
        pen.fill(tube([(side * 0.18 * w, 0.2), (side * 0.24 * w, 0.05)], 0.14, 0.16), main)
        pen.oval(side * 0.26 * w, 0.04, 0.11, 0.055, fill=trim)
        pen.fill(
            tube(
                [
                    (side * 0.26 * w, 0.48),
                    (side * 0.45 * w, 0.36),
                    (side * 0.47 * w, 0.18 + 0.14 * pose.swing * side),
                ],
                0.11,
            ),
            main,
        )
        pen.oval(side * 0.47 * w, 0.17 + 0.14 * pose.swing * side, 0.075, fill=trim)
        if v.word("eyes") != "stalks":
            pen.fill([(side * 0.3 * w, 0.76), (side * 0.34 * w, 1.0), (side * 0.12 * w, 0.86)], trim)
    crest(pen, v, 0, 0.9)
    pen.fill(fluffy(0, 0.5, 0.34 * w, 0.41, 12, 0.14), v.paint(0.18))
    pen.oval(0, 0.27, 0.19 * w, 0.14, fill=trim, outline=False)
    panel(pen, v, 0, 0.27, 0.09)
    if v.word("eyes") == "stalks":
        for side in (-1, 1):
            pen.oval(side * 0.17, 0.88, 0.135, fill=main)
            eye(pen, side * 0.17, 0.89, 0.09, pose.turn)
        pen.arc(0, 0.62, 0.2, 0.12, 0.52, 0.98, INK, 1.2)
    else:
        monster_face(pen.at(0, 0.66), v, pose.turn)
