"""``dreambench reproduce``: the paper's whole evaluation on any base model, from one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dreambench.cli.options import Base, Data, Execution, Out, Preset, Set, Subjects, with_groups
from dreambench.cli.run_command import parse_numbers
from dreambench.errors import DreambenchError


@with_groups
def reproduce(
    *,
    preset: Preset = None,
    subjects: Subjects = None,
    base: Base = None,
    data: Data = None,
    settings: Set = None,
    seeds: Annotated[str, typer.Option("--seeds", metavar="N,...", help="Seeds, such as 0,1.")] = "0,1",
    correlation: Annotated[
        Path | None,
        typer.Option("--correlation", metavar="FILE", help="The output of `dreambench correlate --json`."),
    ] = None,
    notes: Annotated[
        Path | None,
        typer.Option("--notes", metavar="FILE", help="A Markdown file to put below the verdicts."),
    ] = None,
    out: Out = None,
    execution: Execution,
    page: Annotated[
        Path | None,
        typer.Option("--page", metavar="FILE", help="The page's file. [default: beside the runs]"),
    ] = None,
    finished: Annotated[
        bool, typer.Option("--finished", help="Run nothing: write the page of the runs that are finished.")
    ] = False,
    tables: Annotated[
        Path | None,
        typer.Option(
            "--tables",
            metavar="FOLDER",
            help="A folder that keeps each finished run without its images; these are not run again.",
        ),
    ] = None,
) -> None:
    """Run the comparison, the ablations and what else the claims need; write one page with all tables."""
    from dreambench.cli.claims_command import read_correlation
    from dreambench.runs.reproduce import reproduce as run_all

    _refuse_one_methods_settings(settings)
    if notes is not None and not notes.is_file():
        raise DreambenchError(f"{notes} does not exist", "give --notes a Markdown file")
    rating = read_correlation(correlation)
    planned, runs = run_all(
        preset,
        seeds=_parse_seeds(seeds),
        finished=finished,
        out=out,
        tables=tables,
        executor=execution,
        subjects=subjects,
        base=base,
        data=data,
        overrides=settings,
    )
    from dreambench.report.reproduction_page import write_reproduction

    given = {"--preset": preset, "--subjects": subjects, "--base": base, "--data": data}
    asked = [word for option, value in given.items() if value for word in (option, str(value))]
    asked += [word for setting in settings or [] for word in ("--set", setting)]
    written = page or runs / "reproduction.md"
    write_reproduction(written, planned, runs, rating, correlation, asked, notes)
    typer.echo(str(written))


def _refuse_one_methods_settings(settings: list[str] | None) -> None:
    for setting in settings or []:
        if setting.startswith("method"):
            raise DreambenchError(
                f"--set {setting} does not suit every method of the comparison",
                "give --preset FILE with `methods: {NAME: {FIELD: VALUE}}`",
            )


def _parse_seeds(text: str) -> list[int]:
    seeds = parse_numbers("--seeds", [text])
    if len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise DreambenchError(f"--seeds {text!r} contains a number twice or below 0", "try --seeds 0,1")
    return seeds
