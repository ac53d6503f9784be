"""The commands ``dreambench study create | serve | export``."""

from __future__ import annotations

import json as json_library
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.console import Console

from dreambench.cli.options import Json
from dreambench.errors import DreambenchError

if TYPE_CHECKING:
    from dreambench.study.study_plan import StudyName, StudyPlan

app = typer.Typer(no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder that `study create` made.")]


@app.command("create", short_help="Draw pairs of two runs' images for raters.")
def create(
    run_a: Annotated[Path, typer.Argument(metavar="RUN_A", help="The first run's folder.")],
    run_b: Annotated[Path, typer.Argument(metavar="RUN_B", help="The second run's folder.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="The new study's folder.")],
    studies: Annotated[
        str,
        typer.Option(
            "--studies", metavar="NAME,...", help="What raters are asked about: subject, prompt or both."
        ),
    ] = "subject,prompt",
    questionnaires: Annotated[
        int, typer.Option("--questionnaires", min=1, max=9999, help="Questionnaires in each study.")
    ] = 24,
    questions: Annotated[
        int, typer.Option("--questions", min=1, max=999, help="Pairs in each questionnaire.")
    ] = 25,
    raters: Annotated[
        int, typer.Option("--raters", min=1, max=999, help="Raters of each questionnaire.")
    ] = 3,
    checks: Annotated[
        int, typer.Option("--checks", min=0, max=99, help="Attention checks in each questionnaire.")
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The draw's seed.")] = 0,
    url: Annotated[
        str,
        typer.Option(
            "--url", metavar="ADDRESS", help="Where raters will reach the server; their links begin with it."
        ),
    ] = "http://127.0.0.1:8000",
    contact: Annotated[
        str | None,
        typer.Option("--contact", metavar="NAME", help="Who answers raters' questions; on the consent page."),
    ] = None,
    json: Json = False,
) -> None:
    """Draw pairs of two runs' images, for the same subjects and prompts, into a folder to be served."""
    if not _is_web_address(url):
        raise DreambenchError(
            f"--url {url} is not a web address", "give one such as https://study.example.org"
        )
    chosen = _studies(studies)
    from dreambench.study.create import create_study
    from dreambench.study.draw import Sizes

    sizes = Sizes(questionnaires, questions, raters, checks)
    plan = create_study(run_a, run_b, out, sizes=sizes, studies=chosen, seed=seed, url=url, contact=contact)
    _show_created(plan, out, json)


@app.command("serve", short_help="Serve the question pages to raters.")
def serve(
    folder: Folder,
    host: Annotated[
        str,
        typer.Option(
            "--host", metavar="ADDRESS", help="0.0.0.0 lets other machines in; the default does not."
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8000,
) -> None:
    """Serve a study to its raters until interrupted. Every answer is saved before the next question shows."""
    from dreambench.study.server import serve as serve_study

    serve_study(folder, host, port, lambda line: typer.echo(line, err=True))


@app.command("export", short_help="Write the votes as CSV, and print Table 2.")
def export(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The CSV file. [default: FOLDER/votes.csv]")
    ] = None,
    min_attention: Annotated[
        float | None,
        typer.Option(
            "--min-attention", min=0, max=1, help="Leave out raters who passed a smaller share of the checks."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write the votes given so far as CSV, and print Table 2 with intervals, beside the paper's."""
    from dreambench.study.export import export_study, results_table

    results = export_study(folder, out, min_attention)
    if json:
        unused: Any = {"left_out": True, "studies": {"__all__": {"preference_of_all"}}}
        typer.echo(results.model_dump_json(indent=1, exclude=unused if min_attention is None else None))
    else:
        Console(stderr=True).print(results_table(results))
        for study in results.studies:
            if study.checks_answered:
                passed = f"{study.checks_passed} of {study.checks_answered}"
                typer.echo(f"{study.study} study: {passed} attention checks passed", err=True)
        for rater, share in results.left_out.items():
            typer.echo(f"{rater} is left out: {share:.0%} of the attention checks passed", err=True)
        typer.echo(results.file)


def _is_web_address(url: str) -> bool:
    """Whether links can begin with an address: a scheme, a host, perhaps a port and a path, and no more."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError where it is not a number
    except ValueError:
        return False
    whole = bool(parts.hostname) and not (parts.query or parts.fragment) and url == "".join(url.split())
    return whole and parts.scheme in ("http", "https")


def _studies(text: str) -> list[StudyName]:
    from dreambench.study.study_plan import STUDIES

    asked = [name.strip() for name in text.split(",") if name.strip()]
    wrong = [name for name in asked if name not in STUDIES]
    if wrong or not asked:
        raise DreambenchError(
            f"--studies {text!r}: {wrong[0] if wrong else 'nothing'} is not a study", "known: subject, prompt"
        )
    return [study for study in STUDIES if study in asked]


def _show_created(plan: StudyPlan, out: Path, json: bool) -> None:
    links = out / "links.csv"
    if json:
        counts = {"raters": len(plan.raters), "pairs": len(plan.pairs), "checks": len(plan.checks)}
        typer.echo(
            json_library.dumps({"folder": str(out), "studies": plan.studies, **counts, "links": str(links)})
        )
        return
    typer.echo(f"{out}: {len(plan.pairs)} pairs, {len(plan.checks)} checks, {len(plan.raters)} raters")
    typer.echo(f"links of the raters and of the organizer: {links} (keep it to yourself)")
    typer.echo(f"next: dreambench study serve {out}")
