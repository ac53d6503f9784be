"""How numbers and metrics are written in every table."""

from __future__ import annotations

from dreambench.spec.registries import get_metric

ABSENT = "–"  # noqa: RUF001 (an en dash, as journals set a missing value)
MINUS = "\N{MINUS SIGN}"


def fixed(value: float | None) -> str:
    """Write a score with three decimals, as the paper does; ``–`` where there is none."""  # noqa: RUF002
    if value is None or value != value:
        return ABSENT
    return f"{value:z.3f}".replace("-", MINUS)


def signed(value: float | None) -> str:
    """Write a difference with its sign; one that rounds to zero has none. Without a value like ``fixed``."""
    if value is None or value != value:
        return ABSENT
    text = f"{value:+z.3f}".replace("-", MINUS)
    return "0.000" if text == "+0.000" else text


def interval(ci95: tuple[float, float] | None) -> str:
    """Write a 95% interval as ``[low, high]``; empty where there is none."""
    return "" if ci95 is None else f"[{fixed(ci95[0])}, {fixed(ci95[1])}]"


def signed_interval(ci95: tuple[float, float] | None) -> str:
    """Write the 95% interval of a difference, with signs; empty where there is none."""
    return "" if ci95 is None else f"[{signed(ci95[0])}, {signed(ci95[1])}]"


def p_value(p: float | None) -> str:
    """Write a p-value with three decimals, below 0.001 with two digits and a power of ten: ``3.2e-5``."""
    if p is None or p != p:
        return ABSENT
    short = f"{p:.1e}"
    return f"{p:.3f}" if float(short) >= 0.001 else short.replace("e-0", "e-")


def count(number: int) -> str:
    """Write a count with thousands separated."""
    return f"{number:,}"


def plural(number: int, noun: str) -> str:
    """Write ``1 image`` or ``3 images``."""
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"


def title(metric: str) -> str:
    """Return a metric's name with the arrow that says which direction is better."""
    return get_metric(metric).heading
