"""How commands print tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer
from rich.console import Console, RenderableType

if TYPE_CHECKING:
    from dreambench.report.table import Table


def print_whole(content: RenderableType) -> None:
    """Print to the terminal's width; into a pipe or a file in whole lines, for grep."""
    console = Console()
    if not console.is_terminal:
        console.width = 1000
    console.print(content)


def print_uncut(*content: RenderableType) -> None:
    """Print to the terminal's width; a table that needs more is wrapped by the terminal, not cut."""
    Console().print(*content, crop=False)


def print_tables(tables: Iterable[Table]) -> None:
    """Print tables of the report, each with its note below it."""
    from dreambench.report.table import to_terminal

    for content in tables:
        print_uncut(to_terminal(content))
        typer.echo(f"{content.note}\n")
