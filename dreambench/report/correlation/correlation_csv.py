"""A correlation analysis as CSV, for other programs: full precision, an empty field for no number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from pydantic import BaseModel

from dreambench.human.correlation import Correlations, Scope
from dreambench.human.correlation.coefficients import KINDS
from dreambench.report.correlation.correlation_tables import scopes

_COEFFICIENTS = ["images", "human", "metric", "n", "coefficient", "r", "p"] + [
    f"{end}{by}" for by in ("", "_bootstrap") for end in ("low", "high")
]


def csv_tables(found: Correlations) -> dict[str, str]:
    """Return the content of each CSV file by its name; a table without rows has no file."""
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
