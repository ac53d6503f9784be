"""The numbers that the paper publishes, and the runs that each of them is comparable with."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from pathlib import PurePath

from dreambench.paths import data_folder, read_yaml
from dreambench.spec.frozen import Frozen
from dreambench.spec.presets import protocol_spec
from dreambench.spec.registries import standard_metrics
from dreambench.spec.signature import is_miniature, parse_signature, protocol_fields

#: What a protocol does to the metrics' numbers, in a signature: the paper does none of it.
_ARITHMETIC = ("subjects", "images", "average", "scale", "clipped")


class PublishedRow(Frozen):
    """One printed row, of a ``method`` and a ``base`` (a pattern for the last part of the model's name)."""

    name: str
    label: str
    method: str | None = None
    base: str | None = None
    values: dict[str, float]


class PublishedTable(Frozen):
    """One table of the paper; ``caution`` says why it is unreliable, if it is."""

    number: int
    title: str
    subjects: int | None = None
    caution: str | None = None
    rows: tuple[PublishedRow, ...]

    def row(self, name: str) -> PublishedRow:
        """Return a row by name. Raises KeyError."""
        return {row.name: row for row in self.rows}[name]


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
        return {table.number: table for table in self.tables}[number]


@cache
def published() -> Published:
    """Return the paper's published numbers."""
    return Published.model_validate(read_yaml(data_folder() / "published.yaml"))


def of_the_papers_subjects(signature: str) -> bool:
    """Return whether scores with this signature are for the paper's photos, and not for the miniature."""
    return not is_miniature(signature) and parse_signature(signature).get("data") == published().data


def differences_from_paper(signature: str, whole: bool = True) -> list[str]:
    """Return why the paper's numbers are not comparable with scores of this signature; empty if they are.

    They are comparable if the photos, every encoder and transform, the pairs and the form of the captions
    are those of the protocol ``paper``, and, with ``whole``, if the images are the whole benchmark.

    Example:
        >>> differences_from_paper("dreambench:0.1|data:dreambooth@4f887af|clip:ViT-L-14/openai|n:3000")[0]
        'clip: ViT-L-14/openai, not ViT-B-32/openai'
    """
    fields = parse_signature(signature)
    data = fields.get("data")
    wrong = [f"data: {data}, not {published().data}"] if data != published().data else []
    wrong += differences_from_protocol(signature, "paper")
    if is_miniature(signature):
        wrong.append("preset: mini")
    if whole and "cells" in fields:
        wrong.append("images: a part of the benchmark, not all of it")
    return wrong


def differences_from_protocol(signature: str, protocol: str) -> list[str]:
    """Return one ``field: ours, not theirs`` per field in which scores do not follow a named protocol.

    Metrics that the protocol does not have do not count.
    """
    fields = parse_signature(signature)
    # No paper says at what size LPIPS saw its images: any native size counts as the protocol's.
    fields["lpips"] = fields.get("lpips", "").partition("@")[0]
    spec = protocol_spec(protocol)
    counted, expected = {*standard_metrics(), *spec.metrics}, protocol_fields(spec)
    for name in {"scale", "clipped"} & fields.keys():  # such as "dino*100,clip_t*2.5"
        parts = [part for part in fields.pop(name).split(",") if part.partition("*")[0] in counted]
        fields |= {name: ",".join(parts)} if parts else {}
    return [
        f"{name}: {fields.get(name)}, not {expected.get(name)}"
        for name in dict.fromkeys((*expected, *_ARITHMETIC))
        if fields.get(name) != expected.get(name)
    ]


def paper_values(kind: str, method: str, base: str) -> dict[str, float]:
    """Return Table 1's numbers by metric for a run's kind, method and base model (an id or a folder).

    Empty if the paper has none, and for any kind but ``run``: the method behind images made elsewhere is
    not known.
    """
    if kind != "run":
        return {}
    name = PurePath(base).name.lower()
    for row in published().table(1).rows:
        if row.method == method and row.base and fnmatchcase(name, row.base):
            return row.values
    return {}
