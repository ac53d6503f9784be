"""Named colours, and the words that captions may use for what is drawn."""

from __future__ import annotations

from functools import lru_cache

from miniature.world.rng import Rng

Colour = tuple[int, int, int]

INK: Colour = (34, 30, 38)
PAPER: Colour = (250, 248, 244)

#: The shades of each colour word; ``colour_word`` names any colour by its nearest shade.
SHADES: dict[str, tuple[Colour, ...]] = {
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

COLOUR_WORDS = tuple(SHADES)
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


def _square_distance(a: Colour, b: Colour) -> int:
    red, green, blue = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return 2 * red * red + 4 * green * green + 3 * blue * blue


def colour_word(colour: Colour) -> str:
    """Return the word of ``COLOUR_WORDS`` whose nearest shade is closest to ``colour``."""
    return min(SHADES, key=lambda word: min(_square_distance(colour, shade) for shade in SHADES[word]))


def colour_distance(a: Colour, b: Colour) -> float:
    """Return the distance of two colours in [0, 1]: 0 when equal, 1 from about half of black to white on."""
    return min(1.0, (_square_distance(a, b) / 9.0) ** 0.5 / 128.0)


def shade_of(word: str, rng: Rng) -> Colour:
    """Return a shade of the colour ``word``, slightly changed, that is still called by that word."""
    while True:
        base = rng.pick(SHADES[word])
        gain = rng.uniform(0.93, 1.06)
        drawn = clip(tuple(channel * gain + rng.uniform(-9, 9) for channel in base))
        if colour_word(drawn) == word:
            return drawn


def clip(colour: tuple[float, ...]) -> Colour:
    """Return the colour with each channel rounded into 0..255."""
    red, green, blue = (min(255, max(0, int(channel + 0.5))) for channel in colour)
    return red, green, blue


@lru_cache(maxsize=1 << 15)
def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Return the colour between ``a`` (share 0) and ``b`` (share 1)."""
    return clip(tuple(x + (y - x) * share for x, y in zip(a, b, strict=True)))


def dark(colour: Colour, amount: float = 0.45) -> Colour:
    """Return a darker tone of the colour, towards a bluish black."""
    return mix(colour, (20, 12, 28), amount)


def light(colour: Colour, amount: float = 0.45) -> Colour:
    """Return a lighter tone of the colour, towards a warm white."""
    return mix(colour, (255, 253, 246), amount)


def luminance(colour: Colour) -> float:
    """Return the brightness of the colour in [0, 1] (Rec. 601 weights)."""
    return (299 * colour[0] + 587 * colour[1] + 114 * colour[2]) / 255000.0


def apart(colour: Colour, other: Colour, least: float = 0.2) -> Colour:
    """Return ``colour``, or a tone of it lighter or darker until it stands out from ``other``."""
    if colour_distance(colour, other) >= least:
        return colour
    return dark(colour, 0.55) if luminance(other) > 0.5 else light(colour, 0.55)
