"""``dreambench run``, one run or several at once; ``dreambench plan``, what it will do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dreambench.cli.options import (
    Execution,
    Json,
    KeepCheckpoints,
    Out,
    Preset,
    Seed,
    SpecOptions,
    with_groups,
)
from dreambench.errors import DreambenchError

if TYPE_CHECKING:
    from dreambench.store import RunFolder


@with_groups
def run(
    *,
    preset: Annotated[
        list[str] | None,
        typer.Option(
            "--preset",
            metavar="NAME|FILE",
            help="A preset's name, or a YAML file; several: a run of each. "
            "[default: paper-sd15; a run without a GPU: mini]",
        ),
    ] = None,
    seed: Annotated[
        list[str] | None,
        typer.Option("--seed", metavar="N,...", help="The run's seed; several (0,1,2): a run of each."),
    ] = None,
    checkpoints: Annotated[
        str | None,
        typer.Option(
            "--checkpoints",
            metavar="N,...",
            help="Steps, such as 20,40,80: a run stopped at each, and a figure of them.",
        ),
    ] = None,
    asked: SpecOptions,
    out: Out = None,
    keep_checkpoints: KeepCheckpoints = False,
    note: Annotated[
        list[str] | None,
        typer.Option("--note", metavar="TEXT", help="A remark that the tables and the page show."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Start although the GPU's memory is too small by arithmetic.")
    ] = False,
    execution: Execution,
    json: Json = False,
) -> None:
    """Personalize a model for each subject, draw the prompts, score the images, and make the tables."""
    from dreambench.runs.run import UnfinishedRunsError
    from dreambench.runs.run import run as run_all

    fields = dict(vars(asked))
    if force:
        fields["overrides"] = [*(fields["overrides"] or ()), "runtime.ignore_memory=true"]
    try:
        done = run_all(
            parse_names(preset),
            seed=parse_numbers("--seed", seed),
            checkpoints=parse_numbers("--checkpoints", [checkpoints] if checkpoints else None),
            out=out,
            keep_checkpoints=keep_checkpoints,
            notes=note or (),
            executor=execution,
            show=_page_so_far,
            **fields,
        )
    except UnfinishedRunsError as error:
        show(error.folders, json, out)
        raise
    show(done, json, out)


@with_groups
def plan(
    *,
    preset: Preset = None,
    seed: Seed = None,
    asked: SpecOptions,
    keep_checkpoints: KeepCheckpoints = False,
    execution: Execution,
    probe: Annotated[
        bool, typer.Option("--probe", help="Time a few steps and a batch of images, and discard them.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what a run will do (steps, images, disk, time) and what is missing, without doing it."""
    from dreambench.runs.asked import asked_spec
    from dreambench.spec.process import quiet_libraries

    spec = asked_spec(preset, seed=seed, **vars(asked))
    quiet_libraries()
    from dreambench.runs.plan import make_plan

    made = make_plan(spec, keep_checkpoints, execution, probe)
    typer.echo(made.model_dump_json(indent=1) if json else made.text())


def parse_names(given: Sequence[str] | None) -> list[str] | None:
    """Return presets that were given once or several times, with or without commas; a file stays whole."""
    names = [n for text in given or () for n in ([text] if Path(text).is_file() else text.split(","))]
    return [name.strip() for name in names] or None


def parse_numbers(option: str, given: Sequence[str] | None) -> list[int]:
    """Return the numbers that an option was given, once or several times, with or without commas."""
    parts = [part.strip() for text in given or () for part in text.split(",")]
    if wrong := [part for part in parts if not re.fullmatch(r"-?[0-9]{1,19}", part)]:
        raise DreambenchError(f"{option} {wrong[0]!r} is not a whole number", f"such as {option} 0,1,2")
    return [int(part) for part in parts]


def _page_so_far(run: RunFolder) -> None:
    from dreambench.report import write_report

    write_report([run], run.report_folder, quiet=True)


def show(runs: Sequence[RunFolder], json: bool, out: Path | None) -> None:
    """Print the tables of some runs, and write their report: in the run, or of several below ``out``."""
    from dreambench.cli.report_command import report, signatures_differ

    paths = [run.path for run in runs]
    joint = out / "report" if out is not None and len(runs) > 1 else None
    report(paths, out=joint, json=json, force=len(paths) > 1 and signatures_differ(paths))
