"""Writing a correlation analysis, tables in every format and figures; and its tables on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Group
from rich.table import Table as RichTable
from rich.text import Text

from dreambench.human.correlation import Correlations, RatedImages
from dreambench.report.correlation.correlation_csv import csv_tables
from dreambench.report.correlation.correlation_tables import correlation_tables, facts
from dreambench.report.correlation.figures import CAPTIONS, figure_files
from dreambench.report.html import render_tables
from dreambench.report.table import markdown_document, to_latex, to_terminal
from dreambench.report.thumbnails import data_address, write_bytes

JSON = "correlation.json"
TITLE = "Correlation with human judgment"


def write_correlation(found: Correlations, judged: Sequence[RatedImages], out: Path) -> Path:
    """Write an analysis into the folder ``out`` and return that folder.

    It gets ``correlation.json`` (the form of ``correlate --json``), ``correlation.html``, ``correlation.md``,
    ``correlation.tex``, CSV tables, and ``scatter`` and ``correlations`` as PNG and PDF. Everything is
    made before the first file is written. Raises DreambenchError where ``out`` cannot be written.
    """
    figures = figure_files(found, judged)
    content = {
        "correlation.html": _page(found, figures).encode(),
        "correlation.md": markdown_document(TITLE, facts(found), correlation_tables(found)).encode(),
        "correlation.tex": _latex(found).encode(),
        **{name: text.encode() for name, text in csv_tables(found).items()},
        **figures,
        JSON: f"{found.model_dump_json(indent=1)}\n".encode(),
    }
    for name, data in content.items():
        write_bytes(out / name, data)
    return out


def _page(found: Correlations, figures: Mapping[str, bytes]) -> str:
    drawn = {caption: figures.get(f"{name}.png") for name, caption in CAPTIONS.items()}
    shown = {caption: data_address(data, "image/png") for caption, data in drawn.items() if data is not None}
    listed = facts(found)
    return render_tables(TITLE, listed[0], listed[1:], correlation_tables(found), shown)


def _latex(found: Correlations) -> str:
    lines = [f"% {fact}\n" for fact in facts(found)]
    return "".join([*lines, *map(to_latex, correlation_tables(found))])


def terminal(found: Correlations) -> Group:
    """Return the analysis to be printed with ``rich``; no markup in names is interpreted."""
    parts: list[RichTable | Text] = [Text(fact) for fact in facts(found)]
    for content in correlation_tables(found):
        parts += [Text(), to_terminal(content), Text(content.note, style="dim")]
    return Group(*parts)
