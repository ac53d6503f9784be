"""The numbers that the paper publishes, and which run each of them may stand beside."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from pathlib import PurePath
from typing import Any

import yaml

from dreambench.paths import data_folder
from dreambench.spec.frozen import Frozen
from dreambench.spec.signature import is_miniature, parse_signature


class PublishedRow(Frozen):
    """One printed row. ``method`` and ``base`` (a pattern for the base model's last name) say whose it is."""

    name: str
    label: str
    method: str | None = None
    base: str | None = None
    values: dict[str, float]


class PublishedTable(Frozen):
    """One table of the paper; ``caution`` says why it must not be relied on, where it must not."""

    number: int
    title: str
    subjects: int | None = None
    caution: str | None = None
    rows: tuple[PublishedRow, ...]

    def row(self, name: str) -> PublishedRow:
        """Return a row by name. Raises KeyError."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)


class Agreement(Frozen):
    """Pearson correlation of a metric with human preference, and its p-value where the paper gives one."""

    pearson: float
    p: float | None = None


class Published(Frozen):
    """Everything that ``data/published.yaml`` holds."""

    source: str
    data: str
    tables: tuple[PublishedTable, ...]
    agreement: dict[str, Agreement]

    def table(self, number: int) -> PublishedTable:
        """Return a table by the paper's number. Raises KeyError."""
        for table in self.tables:
            if table.number == number:
                return table
        raise KeyError(number)


@cache
def published() -> Published:
    """Return the paper's published numbers."""
    return Published.model_validate(_read())


def _read() -> Any:
    # YAML 1.1 reads 9.44e-30 as text (no sign, no dot it likes); pydantic turns it into the number.
    return yaml.safe_load((data_folder() / "published.yaml").read_text(encoding="utf-8"))


def comparable_with_paper(signature: str) -> bool:
    """Whether the paper's numbers may stand beside a table with this signature.

    Not for the miniature, whose images are drawn by small models of our own, and not for other photos
    than the paper's.
    """
    known = (published().data, "unknown")
    return not is_miniature(signature) and parse_signature(signature).get("data") in known


def paper_values(kind: str, method: str, base: str) -> dict[str, float]:
    """Return Table 1's numbers by metric for a run's kind, method and base model (an id or a folder).

    Empty where the paper has none, and for any kind but ``run``: the method of images that were made
    elsewhere is not known.
    """
    if kind != "run":
        return {}
    name = PurePath(base).name.lower()
    for row in published().table(1).rows:
        if row.method == method and row.base and fnmatchcase(name, row.base):
            return row.values
    return {}
