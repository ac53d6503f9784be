"""Writing a correlation analysis, tables in every format and figures; and its tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel
from rich.console import Group
from rich.text import Text

from dreambench.human.correlation import Correlations, RatedImages, Scope
from dreambench.human.correlation.coefficients import KINDS
from dreambench.report.correlation.correlation_tables import correlation_tables, facts, scopes
from dreambench.report.correlation.figures import CAPTIONS, figure_files
from dreambench.report.html import render_tables
from dreambench.report.table import WholeTable, markdown_document, to_latex, to_terminal
from dreambench.report.thumbnails import data_address
from dreambench.store.files import write_bytes

JSON = "correlation.json"
TITLE = "Correlation with human judgment"
_COEFFICIENTS = ["images", "human", "metric", "n", "coefficient", "r", "p"] + [
    f"{end}{by}" for by in ("", "_bootstrap") for end in ("low", "high")
]


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
        **{name: text.encode() for name, text in _csv_tables(found).items()},
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
    parts: list[WholeTable | Text] = [Text(fact) for fact in facts(found)]
    for content in correlation_tables(found):
        parts += [Text(), to_terminal(content), Text(content.note, style="dim")]
    return Group(*parts)


def _csv_tables(found: Correlations) -> dict[str, str]:
    """Return the content of each CSV file by its name, in full precision; a table without rows has none."""
    tables = {
        "correlations.csv": [row for name, scope in scopes(found) for row in _coefficients(name, scope)],
        "paired_tests.csv": _flat(found, "paired"),
        "agreement.csv": _flat(found, "agreement"),
        "upper_bound.csv": _flat(found, "upper_bound"),
        "preferences.csv": [_flattened(row) for row in found.preferences],
        "strengths.csv": [_flattened(row) for row in found.strengths],
    }
    return {
        name: pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
        for name, rows in tables.items()
        if rows
    }


def _coefficients(name: str, scope: Scope) -> Iterator[dict[str, Any]]:
    for row in scope.rows:
        for kind in KINDS:
            c = getattr(row, kind)
            low, high = c.ci95 or (None, None)
            low_bootstrap, high_bootstrap = c.ci95_bootstrap or (None, None)
            cells = (name, row.human, row.metric, row.n, kind, c.r, c.p, low, high, low_bootstrap)
            yield dict(zip(_COEFFICIENTS, (*cells, high_bootstrap), strict=True))


def _flat(found: Correlations, table: str) -> list[dict[str, Any]]:
    return [
        {"images": name, **_flattened(row)} for name, scope in scopes(found) for row in getattr(scope, table)
    ]


def _flattened(row: BaseModel) -> dict[str, Any]:
    """Return a row's fields; an interval becomes two columns, a share or a dictionary one per entry."""
    cells: dict[str, Any] = {}
    for name, value in row.model_dump().items():
        cells.update(_cells(name, value))
    return cells


def _cells(name: str, value: Any) -> dict[str, Any]:
    if "ci95" in name.split(".")[-1]:
        low, high = value or (None, None)
        return {f"{name}_low": low, f"{name}_high": high}
    if isinstance(value, Mapping):
        return {k: v for key, entry in value.items() for k, v in _cells(f"{name}.{key}", entry).items()}
    return {name: value}
