"""``dreambench power``: how many subjects, images and seeds a difference needs."""

from __future__ import annotations

import json as json_library
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from dreambench.cli.options import Json
from dreambench.cli.printing import print_tables
from dreambench.paths import from_here


def power(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="Runs of two methods or more, of one protocol.")
    ],
    page: Annotated[
        Path | None, typer.Option("--page", metavar="FILE", help="Write the page, such as docs/power.md.")
    ] = None,
    json: Json = False,
) -> None:
    """Say, from kept runs, how many subjects, images and seeds a difference of .01, .02 or .05 needs."""
    from dreambench.analysis.power_study import power_study
    from dreambench.analysis.run_scores import read_run_scores
    from dreambench.report.power_page import power_page, power_tables
    from dreambench.store import open_run

    found = power_study(read_run_scores([open_run(path) for path in runs]))
    if page is not None:
        from dreambench.store.files import write_text

        paths = [str(from_here(run)) for run in runs]
        command = shlex.join(["dreambench", "power", *paths, "--page", str(from_here(page))])
        write_text(page, power_page(found, command))
        typer.echo(f"page: {from_here(page)}", err=True)
    if json:
        typer.echo(json_library.dumps(asdict(found), indent=1))
        return
    print_tables(power_tables(found))
    typer.echo(f"signature {found.signature}")
