"""Matplotlib figures as SVG inside the page: the page's own colors and fonts, the same bytes every time."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Placeholder colors. Each becomes a color of the page's style, which differs in light and dark mode.
INK, SOFT, LINE = "#010101", "#020202", "#030303"
RUNS = ("#040404", "#050505", "#060606", "#070707")
REM_PER_INCH = 6.5
_VARIABLES = {INK: "ink", SOFT: "soft", LINE: "strong-line"} | {c: f"run-{i}" for i, c in enumerate(RUNS)}

_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "dreambench",
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


def colour_of(position: int) -> str:
    """Return the color of the run at a position; the colors repeat after four runs."""
    return RUNS[position % len(RUNS)]


def draw_svg(size: tuple[float, float], draw: Callable[[Figure], None], name: str, alt: str) -> Markup:
    """Draw a figure of ``size`` inches (width, height) and return it as one ``<svg>`` element.

    ``name`` makes its ids unique on the page; ``alt`` is what a screen reader says. matplotlib escapes all
    text that it gets, so names and prompts stay text.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the browser draws them
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return Markup(_for_the_page(buffer.getvalue(), name, alt, size[0]))


def _for_the_page(svg: str, name: str, alt: str, inches: float) -> str:
    svg = svg[svg.index("<svg") :]
    # The figure's own style would apply to the whole page, and the page does not need its metadata.
    for pattern in (r"<metadata>.*?</metadata>", r"<style[^>]*>.*?</style>", r"<!--.*?-->"):
        svg = re.sub(pattern, "", svg, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    view = re.search(r'viewBox="[^"]*"', svg)
    assert view is not None
    # One scale for all, so that text has the same size in every figure.
    width = f'style="max-width: {inches * REM_PER_INCH:.1f}rem"'
    head = f'<svg class="drawn" role="img" aria-label="{Markup.escape(alt)}" {width} {view[0]}>'
    return head + svg[svg.index(">") + 1 :].strip()


def legend_above(figure: Figure, handles: Sequence[Any]) -> None:
    """Put one legend above all panels; a single name needs none, because the page's title shows it."""
    if len(handles) > 1:
        longest = max(len(str(handle.get_label())) for handle in handles)
        fitting = int(figure.get_figwidth() / (0.5 + 0.08 * longest))  # inches: marker and gap, a character
        columns = max(1, min(3, fitting))
        figure.legend(handles=list(handles), loc="outside upper left", ncols=columns, handletextpad=0.5)
