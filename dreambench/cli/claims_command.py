"""``dreambench claims``: the paper's claims, answered from runs."""

from __future__ import annotations

import json as json_library
from pathlib import Path
from typing import Annotated, Any

import typer

from dreambench.cli.options import Json
from dreambench.cli.printing import print_uncut
from dreambench.errors import DreambenchError


def claims(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="Run folders, or folders of several (ablations).")
    ],
    correlation: Annotated[
        Path | None,
        typer.Option("--correlation", metavar="FILE", help="The output of `dreambench correlate --json`."),
    ] = None,
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
        content = json_library.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DreambenchError(
            f"--correlation {file} cannot be read as JSON", "write it with `dreambench correlate ... --json`"
        ) from error
    if not isinstance(content, dict):
        raise DreambenchError(f"--correlation {file} contains no JSON object", "write it with `... --json`")
    rating_evidence(content)  # here, for a wrong file must not show after hours of runs
    return content
