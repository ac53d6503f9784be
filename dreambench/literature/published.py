"""The numbers that the paper publishes, and the runs that each of them can be compared with."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from pathlib import PurePath

import yaml

from dreambench.paths import data_folder
from dreambench.spec.frozen import Frozen
from dreambench.spec.signature import is_miniature, parse_signature


class PublishedRow(Frozen):
    """One printed row, of a ``method`` and a ``base`` (a pattern for the last part of the model's name)."""

    name: str
    label: str
    method: str | None = None
    base: str | None = None
    values: dict[str, float]


class PublishedTable(Frozen):
    """One table of the paper; ``caution`` says why it must not be relied on, if so."""

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
    """Pearson correlation of a metric with human preference, and its p-value if the paper gives one."""

    pearson: float
    p: float | None = None


class Published(Frozen):
    """The content of ``data/published.yaml``."""

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
    text = (data_folder() / "published.yaml").read_text(encoding="utf-8")
    return Published.model_validate(yaml.safe_load(text))


def comparable_with_paper(signature: str) -> bool:
    """Return whether the paper's numbers can be compared with scores of this signature.

    They cannot for the miniature, whose images come from small models of our own, nor for other photos than
    the paper's.
    """
    known = (published().data, "unknown")
    return not is_miniature(signature) and parse_signature(signature).get("data") in known


def paper_values(kind: str, method: str, base: str) -> dict[str, float]:
    """Return Table 1's numbers by metric for a run's kind, method and base model (an id or a folder).

    Empty if the paper has none, and for any kind but ``run``: the method of images that were made elsewhere
    is not known.
    """
    if kind != "run":
        return {}
    name = PurePath(base).name.lower()
    for row in published().table(1).rows:
        if row.method == method and row.base and fnmatchcase(name, row.base):
            return row.values
    return {}
