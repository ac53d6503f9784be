"""Writing a correlation analysis: tables in every format, and figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dreambench.human.correlation import Correlations, RatedImages
from dreambench.report.correlation.correlation_csv import csv_tables
from dreambench.report.correlation.figures import figure_files
from dreambench.report.correlation.text import latex, markdown
from dreambench.store.files import write_atomically

JSON = "correlation.json"


def write_correlation(found: Correlations, judged: Sequence[RatedImages], out: Path) -> Path:
    """Write an analysis into the folder ``out`` and return that folder.

    It gets ``correlation.json`` (the form of ``correlate --json``), ``correlation.md``,
    ``correlation.tex``, CSV tables, and ``scatter`` and ``correlations`` as PNG and PDF. Everything is
    made before the first file is written. Raises DreambenchError where ``out`` cannot be written.
    """
    content = {
        "correlation.md": markdown(found).encode(),
        "correlation.tex": latex(found).encode(),
        **{name: text.encode() for name, text in csv_tables(found).items()},
        **figure_files(found, judged),
        JSON: f"{found.model_dump_json(indent=1)}\n".encode(),
    }
    for name, data in content.items():
        write_atomically(out / name, lambda path, data=data: _write(path, data))  # type: ignore[misc]
    return out


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
