"""``dreambench ablate``, ``claims`` and ``reproduce``: the paper's ablations, claims and whole evaluation."""

from __future__ import annotations

import json as json_library
from pathlib import Path
from typing import Annotated, Any

import typer

from dreambench.cli.options import (
    Base,
    Data,
    Execution,
    Json,
    Out,
    Preset,
    Seed,
    Set,
    SpecOptions,
    Subjects,
    with_groups,
)
from dreambench.cli.printing import print_uncut
from dreambench.cli.run_command import parse_numbers
from dreambench.errors import DreambenchError
from dreambench.paths import read_text

Correlation = Annotated[
    Path | None,
    typer.Option("--correlation", metavar="FILE", help="The output of `dreambench correlate --json`."),
]


@with_groups
def ablate(
    *,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="prior-preservation, class-noun or photo-count.")
    ],
    preset: Preset = None,
    seed: Seed = None,
    asked: SpecOptions,
    out: Out = None,
    execution: Execution,
    json: Json = False,
) -> None:
    """Run an ablation of the paper, variant by variant, and compare its variants subject by subject."""
    from dreambench.report.ablation_tables import ablation_terminal, write_ablation
    from dreambench.runs.ablate import ablate as run_ablation

    summary, folder = run_ablation(name, preset, seed=seed, out=out, executor=execution, **vars(asked))
    write_ablation(summary, folder)
    if json:
        typer.echo(summary.model_dump_json(indent=1))
    else:
        print_uncut(ablation_terminal(summary))
        typer.echo(f"\nsignature {summary.signature}")
        for note in summary.notes:
            typer.echo(note, err=True)
    typer.echo(f"tables and figure: {folder}/ablation.*", err=True)


def claims(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="Run folders, or folders of several (ablations).")
    ],
    correlation: Correlation = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Also write the table here (Markdown).")
    ] = None,
    json: Json = False,
) -> None:
    """Answer each claim of the paper: holds, fails or undecided, with effect, interval, p-value and n."""
    from dreambench.analysis.run_scores import read_run_scores
    from dreambench.analysis.verdicts import judge_claims
    from dreambench.report.claims_table import claims_markdown, claims_terminal
    from dreambench.store import open_run
    from dreambench.store.files import write_text

    scored = read_run_scores([open_run(path) for path in run_folders(runs)])
    answers = judge_claims(scored, read_correlation(correlation))
    if out:
        write_text(out, claims_markdown(answers, scored[0].signature))
    if json:
        content = {"protocol": scored[0].signature, "claims": [a.model_dump(mode="json") for a in answers]}
        typer.echo(json_library.dumps(content, indent=1))
        return
    print_uncut(claims_terminal(answers))
    for answer in answers:
        if answer.why:
            typer.echo(f"undecided: {answer.statement}: {answer.why}", err=True)


def run_folders(paths: list[Path]) -> list[Path]:
    """Return the run folders among some folders and directly below them; others are left out, and named."""
    found: list[Path] = []
    without: list[str] = []
    for path in paths:
        inside = (
            [path] if (path / "run.json").is_file() else sorted(f.parent for f in path.glob("*/run.json"))
        )
        if not inside:
            without.append(str(path))
        found += [run for run in inside if run not in found]
    if not found:
        raise DreambenchError(f"{without[0]} contains no run", "name a run's folder, or an ablation's")
    if without:
        typer.echo(f"left out, for they contain no run: {', '.join(without)}", err=True)
    return found


def read_correlation(file: Path | None) -> dict[str, Any] | None:
    """Read what ``dreambench correlate --json`` printed. Raises DreambenchError for anything else."""
    from dreambench.analysis.verdicts import rating_evidence

    if file is None:
        return None
    try:
        content = json_library.loads(read_text(file, "--correlation"))
    except (ValueError, RecursionError) as error:
        raise DreambenchError(
            f"--correlation {file} cannot be read as JSON", "write it with `dreambench correlate ... --json`"
        ) from error
    if not isinstance(content, dict):
        raise DreambenchError(f"--correlation {file} contains no JSON object", "write it with `... --json`")
    rating_evidence(content)  # here, for a wrong file must not show after hours of runs
    return content


@with_groups
def reproduce(
    *,
    preset: Preset = None,
    subjects: Subjects = None,
    base: Base = None,
    data: Data = None,
    settings: Set = None,
    seeds: Annotated[str, typer.Option("--seeds", metavar="N,...", help="Seeds, such as 0,1.")] = "0,1",
    correlation: Correlation = None,
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
    from dreambench.runs.reproduce import reproduce as run_all

    _refuse_one_methods_settings(settings)
    remarks = "" if notes is None else read_text(notes, "--notes")  # before hours of runs
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
    write_reproduction(written, planned, runs, rating, correlation, asked, notes, remarks)
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
