"""``dreambench correlate``: how well the metrics follow human judgment."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from dreambench.cli.options import Json, Set
from dreambench.cli.printing import print_tables, print_whole
from dreambench.errors import DreambenchError


class Ratings(StrEnum):
    """Public ratings that can be analysed."""

    imagenhub = "imagenhub"
    plus = "dreambench++"
    photos = "photos"


def correlate(
    ratings: Annotated[
        Ratings | None,
        typer.Argument(
            metavar="imagenhub|dreambench++|photos",
            help="Public ratings; or photos: whether metrics tell subjects of one class apart.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="FOLDER", help="The ratings' folder. [default: the pulled one]"),
    ] = None,
    scores: Annotated[
        list[Path] | None,
        typer.Option("--scores", metavar="FILE", help="A run, or a table of scores per image; repeatable."),
    ] = None,
    votes: Annotated[
        Path | None, typer.Option("--votes", metavar="FILE", help="The votes that a user study exported.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            metavar="NAME",
            help="Rank scores on an ImagenHub task: generation, editing, multi-subject or all.",
        ),
    ] = None,
    judges: Annotated[
        str | None,
        typer.Option(
            "--judges", metavar="NAME,...", help="Vision-language judges by name, all or none. [default: all]"
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset", metavar="NAME|FILE", help="photos: the preset that has the dataset and the protocol."
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", metavar="NAME,...", help="photos: names such as dino,clip_i,dinov2."),
    ] = None,
    overrides: Set = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Write tables and figures here.")
    ] = None,
    json: Json = False,
) -> None:
    """Correlate metrics with human judgment: public ratings, or the votes on your own images."""
    options: dict[str, object] = {"--data": data, "--scores": scores, "--votes": votes, "--task": task}
    options |= {"--judges": judges, "--preset": preset, "--metrics": metrics, "--set": overrides}
    given = {name for name, value in (options | {"--out": out}).items() if value}
    _refuse_wrong_combinations(ratings, given)
    if out is not None and out.exists() and not out.is_dir():
        raise DreambenchError(f"{out} is a file, not a folder", "give another --out")
    if ratings is Ratings.photos:
        _photos(json, preset=preset, data=data, metrics=metrics, overrides=overrides)
    elif ratings is Ratings.plus:
        _plus(data, json)
    elif task or judges:
        _rank(data, task or "all", judges or "all", out, json)
    else:
        _correlations(data, scores or [], votes, out, json)


def _correlations(
    data: Path | None, scores: list[Path], votes: Path | None, out: Path | None, json: bool
) -> None:
    from dreambench.human.analyze import analyze_imagenhub, analyze_votes
    from dreambench.report.correlation import terminal, write_correlation

    found, rated = analyze_imagenhub(data) if votes is None else analyze_votes(scores, votes)
    if out is not None:
        typer.echo(f"tables and figures: {write_correlation(found, rated, out)}", err=True)
    if json:
        typer.echo(found.model_dump_json(indent=1))
    else:
        print_whole(terminal(found))


def _rank(data: Path | None, task: str, judges: str, out: Path | None, json: bool) -> None:
    from dreambench.human.analyze import rank_imagenhub
    from dreambench.report.correlation.ranking_tables import ranking_terminal, write_ranking

    found = rank_imagenhub(data, task, judges)
    if out is not None:
        typer.echo(f"page and tables: {write_ranking(found, out)}", err=True)
    if json:
        typer.echo(found.model_dump_json(indent=1))
    else:
        print_whole(ranking_terminal(found))


def _plus(data: Path | None, json: bool) -> None:
    from dreambench.human.dreambench_plus import read_plus
    from dreambench.report.correlation.agreement_tables import plus_tables

    found = read_plus(data)
    if json:
        typer.echo(found.model_dump_json(indent=1))
    else:
        print_tables(plus_tables(found))


def _photos(json: bool, **asked: Any) -> None:
    from dreambench.report.correlation.agreement_tables import photo_table
    from dreambench.runs.tell_apart import tell_apart

    found = tell_apart(**asked)
    if json:
        typer.echo(found.model_dump_json(indent=1))
    else:
        print_tables([photo_table(found)])
        typer.echo(f"signature {found.signature}")


def _refuse_wrong_combinations(ratings: Ratings | None, given: set[str]) -> None:
    """Let through only the options that the kind of analysis has: none is ignored."""
    usage = "say `dreambench correlate imagenhub`, or give --scores FILE and --votes FILE"
    if given & {"--task", "--judges"} and ratings is not Ratings.imagenhub:
        raise DreambenchError("--task and --judges are of imagenhub", "say `dreambench correlate imagenhub`")
    if given & {"--preset", "--metrics", "--set"} and ratings is not Ratings.photos:
        raise DreambenchError(
            "--preset, --metrics and --set are of photos", "say `dreambench correlate photos`"
        )
    if "--out" in given and ratings in (Ratings.plus, Ratings.photos):
        raise DreambenchError(
            f"{ratings.value} writes no files", "leave out --out; --json prints the results"
        )
    if ratings is not None and given & {"--scores", "--votes"}:
        raise DreambenchError(
            f"{ratings.value} has its own scores and ratings: no --scores, no --votes", usage
        )
    if ratings is None and "--data" in given:
        raise DreambenchError("--data is the folder of public ratings, and none are named", usage)
    lacking = {"--scores", "--votes"} - given
    if ratings is None and lacking:
        missing = lacking.pop() if len(lacking) == 1 else "what to correlate"
        raise DreambenchError(f"{missing} is missing", usage)
