"""What ``dreambench verify`` found, on a terminal."""

from __future__ import annotations

from rich.console import Group
from rich.text import Text

from dreambench.report import numbers
from dreambench.report.table import TableCell, table, to_terminal
from dreambench.runs.verify import Verification
from dreambench.spec.registries import get_metric


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
