"""Reported results as tables: beside a run's own numbers, separately with the reason, and all on a page."""

from __future__ import annotations

from collections.abc import Sequence

from dreambench.literature.reported import (
    CONFLICT,
    ReportedResult,
    SetApart,
    beside,
    conflicts,
    reported_results,
)
from dreambench.report import numbers
from dreambench.report.table import Table, table, to_markdown

METRICS = ("dino", "clip_i", "clip_t")
_PAGE = """\
# Published results

What papers report on this benchmark, each with where it was read and what is known of how it was made. Most
papers do not state their protocol, so most of these numbers cannot be compared with any others. Where two
reports of one method are more than {conflict} apart, both are here and marked.

`dreambench published` prints this list (`--json` for programs), `dreambench report RUN --published` sets
comparable ones beside a run and lists the others with the reason. An entry is a file in `data/published/`;
to add one, copy another. This page is made by `dreambench published --page docs/published.md`.
"""


def reported_table(
    results: Sequence[ReportedResult], title: str = "Published results", note: str = ""
) -> Table:
    """Lay out reported results with their protocol, where they were read, and conflicting reports."""
    head = ["Method", "Protocol", "Read in", "Remarks", *(numbers.title(m) for m in METRICS)]
    rows = [
        [
            each.title,
            each.protocol or "not stated",
            each.read_in + (" (copied)" if each.copied else ""),
            remarks(each),
            *(reported_value(each, metric) for metric in METRICS),
        ]
        for each in results
    ]
    return table(title, head, rows, note, words=4)


def reported_value(result: ReportedResult, metric: str) -> str:
    """Write a result's number by a metric, ``>`` before one that is a bound."""
    found = {str(name): value for name, value in result.values.items()}.get(metric)
    return (">" if metric in result.inexact else "") + numbers.fixed(found)


def remarks(result: ReportedResult) -> str:
    """Return what a reader must know: conflicting reports, and the note."""
    others = [f"conflicts with {other.read_in}" for other in conflicts(result)]
    return "; ".join([*others, *([result.note.rstrip(".")] if result.note else [])])


def apart_table(apart: Sequence[SetApart]) -> Table:
    """Lay out the results that are not comparable, with the reason."""
    head = ["Method", "Why not", *(numbers.title(m) for m in METRICS)]
    rows = [
        [each.result.title, each.reason, *(reported_value(each.result, m) for m in METRICS)] for each in apart
    ]
    return table("Published, and not comparable", head, rows, words=2)


def published_tables(signature: str) -> list[Table]:
    """Return the comparable results of a signature, if any, and the others with the reason."""
    comparable, apart = beside(signature)
    tables = [apart_table(apart)] if apart else []
    if comparable:
        note = "Same protocol, same requested images: these numbers are comparable."
        tables.insert(0, reported_table(comparable, "Published, comparable", note))
    return tables


def published_page() -> str:
    """Return the page of all reported results in Markdown."""
    results = reported_results()
    methods = {each.title for each in results}
    count = f"{len(results)} results of {len(methods)} methods, where another base model is another method."
    parts = [_PAGE.format(conflict=CONFLICT).rstrip(), count, to_markdown(reported_table(results)).rstrip()]
    parts.append("## What is known of each")
    for each in results:
        paper = f" ([arXiv {each.arxiv}](https://arxiv.org/abs/{each.arxiv}))" if each.arxiv else ""
        known = "; ".join(each.known) or "nothing"
        unknown = "; ".join(each.unknown)
        parts.append(f"- **{each.title}**{paper}, {each.read_in}. Known: {known}. Not known: {unknown}.")
    return "\n\n".join(parts[:4]) + "\n\n" + "\n".join(parts[4:]) + "\n"
