"""Matplotlib figures as SVG, the same bytes every time; inside the page in its own colors and fonts."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from dreambench.report import numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Placeholder colors. Each becomes a color of the page's style, which differs in light and dark mode.
INK, SOFT, LINE = "#010101", "#020202", "#030303"
RUNS = ("#040404", "#050505", "#060606", "#070707")
REM_PER_INCH = 6.5
_VARIABLES = {INK: "ink", SOFT: "soft", LINE: "strong-line"} | {c: f"run-{i}" for i, c in enumerate(RUNS)}

_SETTINGS: Any = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a subject may well have a dollar sign in its name
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.titlesize": 10,
    "axes.titlecolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": LINE,
    "xtick.labelcolor": SOFT,
    "ytick.color": LINE,
    "ytick.labelcolor": SOFT,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "grid.color": LINE,
    "grid.linewidth": 0.4,
    "grid.alpha": 0.5,
}


def color_of(position: int) -> str:
    """Return the color of the run at a position; the colors repeat after four runs."""
    return RUNS[position % len(RUNS)]


def draw_svg(size: tuple[float, float], draw: Callable[[Figure], None], name: str, alt: str) -> Markup:
    """Draw a figure of ``size`` inches (width, height) and return it as one ``<svg>`` element.

    ``name`` makes its ids unique on the page; ``alt`` is what a screen reader says. matplotlib escapes all
    text that it gets, so names and prompts stay text.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the browser draws them
        svg = svg_text(size, draw, _SETTINGS, transparent=True)
    return Markup(_for_the_page(svg, name, alt, size[0]))


def svg_text(size: tuple[float, float], draw: Callable[[Figure], None], settings: Any, **saved: Any) -> str:
    """Draw a figure of ``size`` inches with some of matplotlib's settings, and return it as SVG."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # Without a date and a random salt, the same numbers give the same file.
    with matplotlib.rc_context({"svg.hashsalt": "dreambench", **settings}):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure)
        # savefig would draw everything twice: once, without an output, to lay it out, and then again.
        layout = figure.get_layout_engine()
        assert layout is not None
        layout.execute(figure)
        figure.set_layout_engine(None)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None}, **saved)
    return buffer.getvalue()


def _for_the_page(svg: str, name: str, alt: str, inches: float) -> str:
    svg = svg[svg.index("<svg") :]
    # The figure's own style would apply to the whole page, and the page does not need its metadata.
    for pattern in (r"<metadata>.*?</metadata>", r"<style[^>]*>.*?</style>", r"<!--.*?-->"):
        svg = re.sub(pattern, "", svg, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", svg)
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, f"var(--{variable})")
    view = re.search(r'viewBox="[^"]*"', svg)
    assert view is not None
    # One scale for all, so that text has the same size in every figure.
    width = f'style="max-width: {inches * REM_PER_INCH:.1f}rem"'
    head = f'<svg class="drawn" role="img" aria-label="{Markup.escape(alt)}" {width} {view[0]}>'
    return head + svg[svg.index(">") + 1 :].strip()


def row_panels(figure: Figure, metrics: Sequence[str], rows: Sequence[str]) -> Iterator[tuple[str, Axes]]:
    """Yield each metric with its panel, to be drawn into: a named line per row, and one legend above all."""
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for metric, axes in zip(metrics, panels, strict=True):
        yield metric, axes
        axes.set_title(numbers.title(metric), loc="left")
        axes.set_yticks(range(len(rows)), [short(row) for row in rows])
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y")
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    legend_above(figure, panels)


def draw_mean(
    axes: Axes, mean: float, ci95: tuple[float, float] | None, at: float, position: int, label: str
) -> None:
    """Draw a run's mean in a row, with its interval."""
    axes.plot(ci95 or (mean, mean), [at, at], color=color_of(position), lw=1.6)
    axes.plot([mean], [at], "o", color=color_of(position), ms=5.5, label=label)


def shift(position: int, count: int) -> float:
    """Return the offset of a run's dots from the middle of their row."""
    return 0.0 if count == 1 else (position / (count - 1) - 0.5) * 0.4


def short(name: str) -> str:
    """Return a name that fits beside a panel."""
    return name if len(name) <= 26 else f"{name[:25]}…"


def trade_off_panel(figure: Figure) -> Axes:
    """Return the one panel of a figure of DINO (up) against CLIP-T (right)."""
    axes = figure.subplots()
    axes.set_xlabel(f"{numbers.title('clip_t')}  (follows the prompt)")
    axes.set_ylabel(f"{numbers.title('dino')}  (keeps the subject)")
    axes.margins(0.1)
    return axes


def name_dot(axes: Axes, name: str, x: float, y: float, place: tuple[float, float] = (6, 3)) -> None:
    """Write a name beside a dot; ``place`` is in points from it."""
    axes.annotate(name, (x, y), place, textcoords="offset points", color=SOFT, fontsize=8)


def legend_above(figure: Figure, panels: Sequence[Axes]) -> None:
    """Put one legend above all panels; a single name needs none, because the page's title shows it."""
    handles: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if len(handles) > 1:
        fitting = int(figure.get_figwidth() / (0.5 + 0.08 * max(map(len, handles))))  # inches: marker and gap
        columns = max(1, min(3, fitting))
        figure.legend(
            handles=list(handles.values()), loc="outside upper left", ncols=columns, handletextpad=0.5
        )
