"""The claims with their verdicts, as Markdown and on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from dreambench.analysis.verdicts import ClaimVerdict
from dreambench.report import numbers
from dreambench.report.table import (
    Table,
    TableCell,
    WholeTable,
    markdown_text,
    table,
    to_markdown,
    to_terminal,
)

HEAD = ("claim", "paper", "verdict", "effect", "95% interval", "p (Holm)", "n", "seeds", "decided by")
NOTE = (
    "p-values are two-sided, after Holm's correction over all claims. Our runs show only what they decided: "
    "a claim decided by photos, public data or construction says nothing of them."
)
_STYLE = {"holds": "green", "fails": "red", "undecided": "yellow"}


def claims_table(answers: Sequence[ClaimVerdict]) -> Table:
    """Lay the verdicts out, a row per claim."""
    return table("", HEAD, [_cells(answer) for answer in answers], NOTE, words=3)


def _cells(answer: ClaimVerdict) -> list[str]:
    effect = "" if answer.effect is None else numbers.signed(answer.effect)
    p = "" if answer.p_holm is None else numbers.p_value(answer.p_holm)
    measured = [effect, numbers.interval(answer.ci95), p, str(answer.n or ""), str(answer.seeds or "")]
    return [answer.statement, answer.where, answer.verdict, *measured, answer.decided_by]


def verdicts_markdown(answers: Sequence[ClaimVerdict]) -> str:
    """Return the verdicts alone: the paper's effect beside the measured one; what runs decide comes first."""
    head = ("statement", "paper", "here", "verdict", "decided by", "n", "seeds")
    rows: list[list[str | TableCell]] = []
    for a in sorted(answers, key=lambda answer: not answer.decided_by.startswith("runs")):
        here = TableCell(numbers.signed(a.effect), numbers.interval(a.ci95))
        counts = (str(a.n or ""), str(a.seeds or ""))
        statement = f"{a.statement} ({a.where})"
        rows.append([statement, numbers.signed(a.paper), here, a.verdict, a.decided_by, *counts])
    return to_markdown(table("", head, rows, words=1))


def claims_markdown(answers: Sequence[ClaimVerdict], signature: str) -> str:
    """Return the table in GitHub's Markdown; claims that nothing decides say why below it."""
    whys = [f"- {markdown_text(a.statement)}: {markdown_text(a.why)}." for a in answers if a.why]
    content = claims_table(answers)
    lines = [to_markdown(content), content.note, "", *whys, "", f"Protocol: `{signature}`"]
    return "\n".join(lines) + "\n"


def claims_terminal(answers: Sequence[ClaimVerdict]) -> WholeTable:
    """Return the table to be printed with ``rich``."""
    head = ("claim", "verdict", "effect", "p (Holm)", "n", "seeds")
    rows: list[list[str | TableCell]] = []
    for answer in answers:
        statement, where, _, effect, interval, p, n, seeds, by = _cells(answer)
        # Narrower than the file's table: related values are stacked in one cell.
        claim = TableCell(statement, remark=where)
        decided = TableCell(answer.verdict, remark=f"by {by}", style=_STYLE[answer.verdict])
        rows.append([claim, decided, TableCell(effect, interval), p, n, seeds])
    return to_terminal(table("", head, rows, words=2))
