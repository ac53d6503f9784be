"""Checks on a terminal: of a run against a baseline, and of an installation against known numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from dreambench.analysis.regression import Check, Comparison
from dreambench.report import numbers
from dreambench.report.table import TableCell, TableRow, row, table, to_terminal
from dreambench.spec.registries import get_metric

if TYPE_CHECKING:
    from dreambench.runs.verify import Verification

HEAD = ("metric", "subject", "run", "expected", "difference", "tolerance", "")


def check_table(check: Check) -> Group:
    """Return what ``dreambench check`` prints; subjects within their tolerance are only counted."""
    rows = [
        _row(comparison, comparison in check.failed)
        for comparison in check.comparisons
        if comparison.subject is None or comparison.moved
    ]
    content = table("Regression check", HEAD, rows, words=2)
    return Group(to_terminal(content), Text(), verdict(check))


def _row(comparison: Comparison, failed: bool) -> TableRow:
    c = comparison
    subject = TableCell("mean", style="dim") if c.subject is None else TableCell(c.subject)
    tolerance = f"\N{PLUS-MINUS SIGN}{c.tolerance:.4f}"
    outcome = f"moved, {c.direction}" if c.moved else "cannot tell" if c.blind else "ok"
    style = "bold red" if failed else "green" if c.moved else ""
    moved = (_four(c.value), _four(c.expected), _four(c.difference, "+"), tolerance)
    return row([numbers.title(c.metric), subject, *moved, TableCell(outcome, style=style)])


def _four(value: float, sign: str = "") -> str:
    # One decimal more than other tables: the smallest tolerance does not show in three.
    return f"{value:{sign}z.4f}".replace("-", numbers.MINUS)


def verdict(check: Check) -> Text:
    """Return the last line: whether the check holds, and how many comparisons moved."""
    total = numbers.plural(len(check.comparisons), "comparison")
    if not check.ok and not check.moved:
        names = ", ".join(numbers.title(c.metric) for c in check.cannot_tell)
        why = "the tolerance is wider than a tenth of the metric's range"
        return Text(f"cannot tell: {names}: {why}; {check.remedy} would be enough", style="bold red")
    if not check.ok:
        moved = Text(
            f"regression: {len(check.moved)} of {total} moved beyond the tolerance", style="bold red"
        )
        return moved if check.caution is None else moved.append(f"\n{check.caution}", style="not bold")
    if check.moved:
        return Text(f"ok: {len(check.moved)} of {total} moved, all for the better", style="green")
    blind = sum(c.blind for c in check.comparisons)
    doubt = f", of which {blind} cannot tell: their tolerance is too wide" if blind else ""
    return Text(f"ok: {total} within the tolerance{doubt}", style="green")


def verification_table(found: Verification) -> Group:
    """Return the Real Images row beside the known numbers, and one line that says whether it is right."""
    rows: list[list[str | TableCell]] = []
    for metric in found.metrics:
        close = abs(metric.difference) <= found.tolerance
        outcome = TableCell("ok" if close else "off", style="green" if close else "bold red")
        scores = (f"{metric.score:.4f}", f"{metric.expected:.4f}", numbers.signed(metric.difference))
        rows.append([get_metric(metric.metric).title, *scores, f"±{found.tolerance:g}", outcome])
    head = ("Real images", "here", "known", "difference", "tolerance", "")
    content = table("", head, rows)
    scored = f"{found.photos} photos of {found.subjects} subjects; known numbers: {found.source}"
    verdict = (
        Text("ok: this installation scores the photos as it should", style="green")
        if found.ok
        else Text(
            "off: do not trust the scores of this installation; check the encoders' weights and versions",
            style="bold red",
        )
    )
    return Group(to_terminal(content), Text(), Text(scored), verdict)
