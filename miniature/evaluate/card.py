"""The figures beside their bars: a Markdown table, and its place in the model card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dreambench.errors import DreambenchError
from dreambench.store.files import write_text

_BEGIN, _END = "<!-- figures: begin -->", "<!-- figures: end -->"


@dataclass(frozen=True)
class Bar:
    """What a figure is to reach: its key, its words, the bar, and whether more is better.

    ``percent`` says how it is written. ``bar`` is None for a figure that is only told.
    """

    key: str
    words: str
    bar: float | None
    more: bool = True
    percent: bool = True


BARS: tuple[Bar, ...] = (
    Bar("class", "the judge names the class of `a [class noun]` images, 15 ways", 0.95),
    Bar("frechet", "Frechet distance to renderings of the same prompts, in floors", 3, False, False),
    Bar("frechet_floor", "the floor: renderings after the autoencoder's round trip", None, False, False),
    Bar("context", "the judge names the context of recontextualization prompts, 20 ways", 0.95),
    Bar("accessory", "the judge finds the accessory on cats and dogs, 10 ways", 0.70),
    Bar("color", "red and purple are visible on the subject", 0.80),
    Bar("property", "all five properties are visible", None),
    Bar("class, official prompts", "the judge names the class under the official prompts", None),
    Bar("dino", "DINO-mini: AUC of the same subject against others of its class", 0.95, True, False),
    Bar("clip_i", "CLIP-mini: the same, to be below DINO-mini's", None, False, False),
    Bar("dino (soft)", "DINO-mini: the same on pictures after the round trip", None, True, False),
    Bar("clip_i (soft)", "CLIP-mini: the same on pictures after the round trip", None, True, False),
    Bar("retrieval", "CLIP-mini: caption retrieval among 100, top 1", 0.80),
    Bar("closed", "DreamBooth: share of the DINO distance from untouched model to photos", 0.60),
    Bar("clip_t_kept", "and its CLIP-T, as a share of the untouched model's", 0.90),
    Bar("minutes", "minutes of the full protocol, 3,000 images", 30, False, False),
)  # fmt: skip


def figures_table(figures: Mapping[str, float], judged: Mapping[str, float]) -> str:
    """Return the figures as Markdown; ``judged`` is what the judge says of renderings, its own ceiling."""
    lines = ["| what | bar | figure | renderings |", "|---|---:|---:|---:|"]
    for bar in BARS:
        if bar.key not in figures:
            continue
        sign = "≥" if bar.more else "≤"
        wanted = "" if bar.bar is None else f"{sign} {_written(bar.bar, bar)}"
        figure = _written(figures[bar.key], bar)
        missed = bar.bar is not None and (figures[bar.key] < bar.bar) == bar.more
        ceiling = _written(judged[bar.key], bar) if bar.key in judged else ""
        lines.append(f"| {bar.words} | {wanted} | {figure}{' (missed)' if missed else ''} | {ceiling} |")
    return "\n".join(lines)


def _written(value: float, bar: Bar) -> str:
    return f"{100 * value:.1f}%" if bar.percent else f"{value:.3g}"


def write_into_card(card: Path, table: str) -> None:
    """Put the table between the card's two marks. Raises DreambenchError where they are missing."""
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    head, begin, rest = text.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not begin or not end:
        raise DreambenchError(f"{card} has no place for figures", f"write {_BEGIN} and {_END} into it")
    write_text(card, f"{head}{begin}\n{table}\n{end}{tail}")
