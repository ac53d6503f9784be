"""Named colors, and the words that captions may use for what is drawn."""

from __future__ import annotations

from functools import lru_cache

from miniature.world.rng import Rng

Color = tuple[int, int, int]

INK: Color = (34, 30, 38)
PAPER: Color = (250, 248, 244)

#: The shades of each color word; ``color_word`` names any color by its nearest shade.
SHADES: dict[str, tuple[Color, ...]] = {
    "red": ((212, 38, 40), (176, 28, 40), (232, 62, 52)),
    "orange": ((240, 132, 36), (222, 108, 30), (250, 158, 66)),
    "yellow": ((250, 208, 48), (240, 190, 30), (252, 226, 110)),
    "green": ((66, 160, 72), (40, 116, 60), (130, 196, 90)),
    "blue": ((48, 104, 206), (34, 62, 140), (110, 170, 236)),
    "turquoise": ((52, 186, 184), (36, 146, 150), (128, 220, 210)),
    "purple": ((128, 62, 180), (94, 44, 132), (172, 124, 216)),
    "pink": ((244, 132, 180), (226, 88, 150), (250, 178, 204)),
    "brown": ((128, 80, 46), (94, 58, 36), (156, 100, 62)),
    "tan": ((218, 180, 132), (200, 160, 112), (234, 206, 166)),
    "black": ((42, 40, 46), (58, 56, 62), (32, 32, 40)),
    "white": ((244, 242, 238), (250, 246, 232), (232, 236, 242)),
    "grey": ((142, 144, 150), (108, 110, 118), (176, 178, 184)),
}

COLOR_WORDS = tuple(SHADES)
VIVID = ("red", "orange", "yellow", "green", "blue", "turquoise", "purple", "pink")
EARTHY = ("brown", "tan", "black", "white", "grey")
FUR = ("brown", "tan", "black", "white", "grey", "orange")

#: What a caption calls each pattern; a plain subject gets no pattern word.
PATTERN_WORDS = {
    "striped": "striped",
    "banded": "banded",
    "spotted": "spotted",
    "checked": "checked",
    "patched": "patched",
    "zigzag": "zigzag",
    "grid": "checked",
}


def _square_distance(a: Color, b: Color) -> int:
    red, green, blue = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return 2 * red * red + 4 * green * green + 3 * blue * blue


def color_word(color: Color) -> str:
    """Return the word of ``COLOR_WORDS`` whose nearest shade is closest to ``color``."""
    return min(SHADES, key=lambda word: min(_square_distance(color, shade) for shade in SHADES[word]))


def color_distance(a: Color, b: Color) -> float:
    """Return the distance of two colors in [0, 1]: 0 when equal, 1 from about half of black to white on."""
    return min(1.0, (_square_distance(a, b) / 9.0) ** 0.5 / 128.0)


def shade_of(word: str, rng: Rng) -> Color:
    """Return a shade of the color ``word``, slightly changed, that is still called by that word."""
    while True:
        base = rng.pick(SHADES[word])
        gain = rng.uniform(0.93, 1.06)
        drawn = clip(tuple(channel * gain + rng.uniform(-9, 9) for channel in base))
        if color_word(drawn) == word:
            return drawn


def clip(color: tuple[float, ...]) -> Color:
    """Return the color with each channel rounded into 0..255."""
    red, green, blue = (min(255, max(0, int(channel + 0.5))) for channel in color)
    return red, green, blue


@lru_cache(maxsize=1 << 15)
def mix(a: Color, b: Color, share: float) -> Color:
    """Return the color between ``a`` (share 0) and ``b`` (share 1)."""
    return clip(tuple(x + (y - x) * share for x, y in zip(a, b, strict=True)))


def dark(color: Color, amount: float = 0.45) -> Color:
    """Return a darker tone of the color, towards a bluish black."""
    return mix(color, (20, 12, 28), amount)


def light(color: Color, amount: float = 0.45) -> Color:
    """Return a lighter tone of the color, towards a warm white."""
    return mix(color, (255, 253, 246), amount)


def luminance(color: Color) -> float:
    """Return the brightness of the color in [0, 1] (Rec. 601 weights)."""
    return (299 * color[0] + 587 * color[1] + 114 * color[2]) / 255000.0


def apart(color: Color, other: Color, least: float = 0.2) -> Color:
    """Return ``color``, or a tone of it lighter or darker until it stands out from ``other``."""
    if color_distance(color, other) >= least:
        return color
    return dark(color, 0.55) if luminance(other) > 0.5 else light(color, 0.55)
