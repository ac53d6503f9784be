"""``dreambench check``: a run against a baseline; ``dreambench verify``: an installation, by the photos."""

from __future__ import annotations

import json as json_library
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dreambench.cli.options import Json
from dreambench.cli.printing import print_uncut, print_whole
from dreambench.errors import DreambenchError

if TYPE_CHECKING:
    from dreambench.analysis import RunScores


def check(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="A run folder; with --update, one for each seed.")
    ],
    baseline: Annotated[Path, typer.Option("--baseline", metavar="FILE", help="The baseline, a JSON file.")],
    update: Annotated[
        bool, typer.Option("--update", help="Write the baseline from runs that differ in their seed only.")
    ] = False,
    alpha: Annotated[
        float | None,
        typer.Option("--alpha", help="With --update: how often unchanged code may fail. [default: 0.001]"),
    ] = None,
    allow_better: Annotated[
        bool, typer.Option("--allow-better", help="Fail only where a score became worse.")
    ] = False,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Also write the check as JUnit XML.")
    ] = None,
    json: Json = False,
) -> None:
    """Compare a run's scores with a baseline; exit code 1 where one moved, or too much noise hides a move."""
    _refuse_mixed(runs, update, alpha, allow_better, junit)
    if update:
        _write_baseline(runs, baseline, alpha, json)
    else:
        _check(runs[0], baseline, allow_better, junit, json)


def _refuse_mixed(
    runs: list[Path], update: bool, alpha: float | None, allow_better: bool, junit: Path | None
) -> None:
    if update and (allow_better or junit):
        option = "--allow-better" if allow_better else "--junit"
        raise DreambenchError(f"--update checks nothing, so {option} has no meaning", "leave one of them out")
    if not update and alpha is not None:
        raise DreambenchError("--alpha is part of the baseline", "give it with --update")
    if alpha is not None and not 0 < alpha < 1:
        raise DreambenchError(f"--alpha {alpha:g} is not a probability between 0 and 1", "try 0.001")
    if not update and len(runs) > 1:
        raise DreambenchError(f"{len(runs)} runs are given", "check one at a time, or add --update")


def _write_baseline(runs: list[Path], file: Path, alpha: float | None, json: bool) -> None:
    from dreambench.analysis.baseline import ALPHA
    from dreambench.analysis.regression import few_seeds
    from dreambench.analysis.resolution import refuse_blind
    from dreambench.analysis.seed_noise import baseline_of

    made = baseline_of(_scored(runs), ALPHA if alpha is None else alpha)
    refuse_blind(made)
    _write("--baseline", file, made.model_dump_json(indent=1) + "\n")
    if json:
        typer.echo(made.model_dump_json(indent=1))
    else:
        typer.echo(f"{file}: {', '.join(made.metrics)} of {len(made.subjects)} subjects")
        typer.echo(f"from {len(made.runs)} runs: {', '.join(made.runs)}")
        typer.echo(f"signature {made.signature}")
    if caution := few_seeds(len(made.runs)):
        typer.echo(caution, err=True)


def _check(path: Path, file: Path, allow_better: bool, junit: Path | None, json: bool) -> None:
    from dreambench.analysis.baseline import read_baseline
    from dreambench.analysis.regression import check_run
    from dreambench.report.check_table import check_table
    from dreambench.report.junit import junit_xml

    committed = read_baseline(file)
    (run,) = _scored([path])
    result = check_run(run, committed, str(file), allow_better)
    if junit is not None:
        _write("--junit", junit, junit_xml(result))
    if json:
        typer.echo(result.model_dump_json(indent=1))
    else:
        print_whole(check_table(result))
        typer.echo(f"signature {result.signature}")
    new = [m for m in run.subjects.columns if m not in committed.metrics and run.subjects[m].notna().any()]
    if new:
        typer.echo(f"{', '.join(new)}: not checked, for {file} has no numbers of it", err=True)
    if not result.ok:
        raise typer.Exit(1)


def _scored(paths: list[Path]) -> list[RunScores]:
    from dreambench.analysis import read_run_scores
    from dreambench.store import open_run

    return read_run_scores([open_run(path) for path in paths])


def _write(option: str, file: Path, text: str) -> None:
    from dreambench.store.files import write_text

    if file.is_dir():
        raise DreambenchError(f"{option} {file} is a folder", "give a file")
    try:
        write_text(file, text)
    except DreambenchError as error:
        raise DreambenchError(error.message, f"free some space, or give another {option}") from error


def verify(
    preset: Annotated[
        str | None,
        typer.Option("--preset", metavar="NAME|FILE", help="paper-sd15, or mini, which needs no download."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="FOLDER", help="The official dataset's folder.")
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY.PATH=VALUE", help="Such as protocol.dino.weights=FILE."),
    ] = None,
    json: Json = False,
) -> None:
    """Score the dataset's photos against each other, and compare with the known numbers.

    Exit code 1 where a metric is further off than the tolerance: then no score of this installation is
    to be trusted. Needs the photos and two encoders, but no GPU and no base model.
    """
    from dreambench.runs.verify import verify as verify_installation

    found = verify_installation(preset, data=data, device=device, overrides=overrides)
    if json:
        content = found.model_dump(mode="json") | {"ok": found.ok}
        typer.echo(json_library.dumps(content, indent=1))
    else:
        from dreambench.report.check_table import verification_table

        print_uncut(verification_table(found))
        typer.echo(f"signature {found.signature}")
    if not found.ok:
        raise typer.Exit(1)
