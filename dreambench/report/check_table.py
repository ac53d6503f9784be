"""A regression check on a terminal: every metric's mean, and each subject whose score moved."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from dreambench.analysis.regression import Check, Comparison, fails
from dreambench.report import numbers

_COLUMNS = ("run", "expected", "difference", "tolerance")


def check_table(check: Check, allow_better: bool = False) -> Group:
    """Return what ``dreambench check`` prints; subjects within their tolerance are only counted."""
    table = Table(
        title=Text("Regression check", style="bold"), title_justify="left", box=None, padding=(0, 1)
    )
    table.add_column("metric", no_wrap=True)
    table.add_column("subject", overflow="fold")
    for column in _COLUMNS:
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for comparison in check.comparisons:
        if comparison.subject is None or comparison.moved:
            _add_row(table, comparison, fails(comparison, allow_better))
    return Group(table, Text(), verdict(check))


def _add_row(table: Table, comparison: Comparison, failed: bool) -> None:
    c = comparison
    subject = Text("mean", style="dim") if c.subject is None else Text(c.subject)
    cells = (
        _four(c.value),
        _four(c.expected),
        _four(c.difference, "+"),
        f"\N{PLUS-MINUS SIGN}{c.tolerance:.4f}",
    )
    style = "bold red" if failed else "green" if c.moved else ""
    told = f"moved, {c.direction}" if c.moved else "ok"
    table.add_row(numbers.title(c.metric), subject, *cells, Text(told, style=style))


def _four(value: float, sign: str = "") -> str:
    # One decimal more than other tables: the smallest tolerance would not show in three. The sum with 0
    # takes the sign from a difference that rounds to nothing.
    return f"{round(value, 4) + 0.0:{sign}.4f}".replace("-", numbers.MINUS)


def verdict(check: Check) -> Text:
    """Return the last line: whether the check holds, and how many comparisons moved."""
    total = numbers.plural(len(check.comparisons), "comparison")
    if not check.ok:
        return Text(f"regression: {len(check.moved)} of {total} moved beyond the tolerance", style="bold red")
    if check.moved:
        return Text(f"ok: {len(check.moved)} of {total} moved, to the better only", style="green")
    return Text(f"ok: {total} within the tolerance", style="green")
