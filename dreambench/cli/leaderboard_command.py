"""``dreambench leaderboard``: one sortable page of signed results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def leaderboard(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER...", help="Run folders, or folders that contain some.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The page's folder, or its FILE.html.")] = Path(
        "results/leaderboard"
    ),
) -> None:
    """Write one sortable page of signed results, grouped by signature, with published ones that compare."""
    from dreambench.report.leaderboard import write_leaderboard

    typer.echo(f"leaderboard: {write_leaderboard(folders, out)}", err=True)
