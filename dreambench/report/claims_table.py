"""The claims with their verdicts, as Markdown and on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from dreambench.analysis.verdicts import ClaimVerdict
from dreambench.report import numbers

HEAD = ("claim", "paper", "verdict", "effect", "95% interval", "p (Holm)", "n", "seeds")
_STYLE = {"holds": "green", "fails": "red", "undecided": "yellow"}


def claim_cells(answer: ClaimVerdict) -> list[str]:
    """Return an answer as text, in the order of ``HEAD``."""
    effect = "" if answer.effect is None else numbers.signed(answer.effect)
    p = "" if answer.p_holm is None else f"{answer.p_holm:.2g}"
    counts = [str(answer.n or ""), str(answer.seeds or "")]
    return [
        answer.statement,
        answer.where,
        answer.verdict,
        effect,
        numbers.interval(answer.ci95),
        p,
        *counts,
    ]


def claims_markdown(answers: Sequence[ClaimVerdict], signature: str) -> str:
    """Return the table in GitHub's Markdown; claims that nothing decides say why below it."""
    rows = [list(HEAD), ["---"] * 3 + ["---:"] * 5, *map(claim_cells, answers)]
    lines = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    lines += ["", "p-values are two-sided unless a margin is named, after Holm's correction over all claims."]
    lines += ["", *(f"- {a.statement}: {a.why}." for a in answers if a.why)]
    return "\n".join([*lines, "", f"Protocol: `{signature}`"]) + "\n"


def claims_terminal(answers: Sequence[ClaimVerdict]) -> Table:
    """Return the table to be printed with ``rich``."""
    table = Table(box=None)
    for name in HEAD:
        table.add_column(name, overflow="fold")
    for answer in answers:
        cells = [Text(cell) for cell in claim_cells(answer)]
        cells[2].stylize(_STYLE[answer.verdict])
        table.add_row(*cells)
    return table
