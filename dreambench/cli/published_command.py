"""``dreambench published``: what papers report on this benchmark."""

from __future__ import annotations

import json as json_library
from pathlib import Path
from typing import Annotated

import typer

from dreambench.cli.options import Json


def published(
    page: Annotated[
        Path | None, typer.Option("--page", help="Write the page, such as docs/published.md.")
    ] = None,
    json: Json = False,
) -> None:
    """List published results with their source, and what is known and not known of their protocol."""
    from dreambench.literature.reported import conflicts, reported_results

    results = reported_results()
    if page is not None:
        from dreambench.report.reported_table import published_page
        from dreambench.store.files import write_text

        write_text(page, published_page())
        typer.echo(f"page: {page}", err=True)
    if json:
        rows = [
            {**each.model_dump(mode="json"), "conflicts": [other.name for other in conflicts(each)]}
            for each in results
        ]
        typer.echo(json_library.dumps({"results": rows}, indent=1))
        return
    from rich.console import Console

    from dreambench.report.reported_table import reported_table
    from dreambench.report.table import to_terminal

    console = Console()
    if not console.is_terminal:
        console.width = 1000  # whole rows for grep and for files
    console.print(to_terminal(reported_table(results)))
