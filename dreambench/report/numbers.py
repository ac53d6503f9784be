"""How numbers and metrics are written in every table."""

from __future__ import annotations

from dreambench.spec.run_spec import HIGHER_IS_BETTER, METRICS

TITLES = {"dino": "DINO", "clip_i": "CLIP-I", "clip_t": "CLIP-T", "div": "DIV", "pres": "PRES"}
MEANINGS = {
    "dino": "similarity of generated images to the subject's real photos, by DINO embeddings",
    "clip_i": "similarity of generated images to the subject's real photos, by CLIP embeddings",
    "clip_t": "similarity of generated images to their prompt, by CLIP embeddings",
    "div": "LPIPS distance between images of the same subject and prompt",
    "pres": "similarity of images of the bare class to the subject's photos, by DINO embeddings: "
    "high where the class has collapsed into the subject",
}
ABSENT = "–"  # noqa: RUF001 (an en dash, as journals set a missing value)
MINUS = "\N{MINUS SIGN}"

assert TITLES.keys() == set(METRICS)


def fixed(value: float | None) -> str:
    """Write a score with three decimals, as the paper does; ``–`` where there is none."""  # noqa: RUF002
    if value is None or value != value:
        return ABSENT
    text = f"{value:.3f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", MINUS)


def signed(value: float) -> str:
    """Write a difference with its sign; one that rounds to nothing has none."""
    text = f"{value:+.3f}"
    return text[1:] if float(text) == 0 else text.replace("-", MINUS)


def interval(ci95: tuple[float, float] | None) -> str:
    """Write a 95% interval as ``[low, high]``; empty where there is none."""
    return "" if ci95 is None else f"[{fixed(ci95[0])}, {fixed(ci95[1])}]"


def signed_interval(ci95: tuple[float, float] | None) -> str:
    """Write the 95% interval of a difference, with signs; empty where there is none."""
    return "" if ci95 is None else f"[{signed(ci95[0])}, {signed(ci95[1])}]"


def p_value(p: float | None) -> str:
    """Write a p-value with three decimals, a very small one as ``< 0.001``."""
    if p is None or p != p:
        return ABSENT
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def count(number: int) -> str:
    """Write a count with thousands separated."""
    return f"{number:,}"


def plural(number: int, noun: str) -> str:
    """Write ``1 image`` or ``3 images``."""
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"


def title(metric: str) -> str:
    """Return a metric's name with the arrow that says which direction is better."""
    return f"{TITLES[metric]} {'↑' if HIGHER_IS_BETTER[metric] else '↓'}"
