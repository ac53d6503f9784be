"""``dreambench correlate``: how well the metrics follow human judgment."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreambench.cli.options import Json, Set
from dreambench.errors import DreambenchError

if TYPE_CHECKING:
    from dreambench.report.table import Table


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
            help="Public ratings; photos: do metrics tell subjects of a class apart, without raters.",
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
        typer.Option("--task", help="ImagenHub's generation, editing, multi-subject; or all: ranks scores."),
    ] = None,
    judges: Annotated[
        str | None,
        typer.Option("--judges", help="Vision-language judges by name, all or none. [default: all]"),
    ] = None,
    preset: Annotated[
        str | None, typer.Option("--preset", help="photos: the preset whose dataset and protocol it is.")
    ] = None,
    metrics: Annotated[
        str | None, typer.Option("--metrics", help="photos: names such as dino,clip_i,dinov2.")
    ] = None,
    overrides: Set = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Write tables and figures here.")
    ] = None,
    json: Json = False,
) -> None:
    """Correlate metrics with human judgment: public ratings, or the votes on your own images."""
    _refuse_wrong_combinations(ratings, data, scores, votes)
    if task is not None or judges is not None:
        if ratings is not Ratings.imagenhub:
            raise DreambenchError(
                "--task and --judges are of imagenhub", "say `dreambench correlate imagenhub`"
            )
        _rank(data, task or "all", judges or "all", out, json)
        return
    if ratings is Ratings.plus:
        _plus(data, json)
        return
    if ratings is Ratings.photos:
        _photos(json, preset=preset, data=data, metrics=metrics, overrides=overrides)
        return
    if out is not None and out.exists() and not out.is_dir():
        raise DreambenchError(f"{out} is a file, not a folder", "give another --out")
    from dreambench.human.analyze import analyze_imagenhub, analyze_votes

    if ratings is None:
        assert scores is not None
        assert votes is not None
        found, rated = analyze_votes(scores, votes)
    else:
        found, rated = analyze_imagenhub(data)
    if out is not None:
        from dreambench.report.correlation import write_correlation

        typer.echo(f"tables and figures: {write_correlation(found, rated, out)}", err=True)
    if json:
        typer.echo(found.model_dump_json(indent=1))
    else:
        from rich.console import Console

        from dreambench.report.correlation import terminal

        console = Console()
        if not console.is_terminal:
            console.width = 1000  # whole rows for grep and for files
        console.print(terminal(found))


def _rank(data: Path | None, task: str, judges: str, out: Path | None, json: bool) -> None:
    from dreambench.human.analyze import rank_imagenhub

    found = rank_imagenhub(data, task, judges)
    if out is not None:
        from dreambench.report.correlation.ranking_files import write_ranking

        typer.echo(f"page and tables: {write_ranking(found, out)}", err=True)
    if json:
        typer.echo(found.model_dump_json(indent=1))
        return
    from rich.console import Console

    from dreambench.report.correlation.ranking_files import ranking_terminal

    console = Console()
    if not console.is_terminal:
        console.width = 1000  # whole rows for grep and for files
    console.print(ranking_terminal(found))


def _plus(data: Path | None, json: bool) -> None:
    from dreambench.human.dreambench_plus import read_plus
    from dreambench.report.correlation.plus_table import plus_tables

    found = read_plus(data)
    _show(found.model_dump_json(indent=1) if json else "", plus_tables(found))


def _photos(json: bool, **asked: Any) -> None:
    from dreambench.report.correlation.photo_table import photo_table
    from dreambench.runs.tell_apart import tell_apart

    found = tell_apart(**asked)
    _show(found.model_dump_json(indent=1) if json else "", [photo_table(found)])
    if not json:
        typer.echo(f"signature {found.signature}")


def _show(json: str, tables: Sequence[Table]) -> None:
    if json:
        typer.echo(json)
        return
    from rich.console import Console

    from dreambench.report.table import to_terminal

    for content in tables:
        Console().print(to_terminal(content))
        typer.echo(f"{content.note}\n")


def _refuse_wrong_combinations(
    ratings: Ratings | None, data: Path | None, scores: list[Path] | None, votes: Path | None
) -> None:
    """Let through `imagenhub [--data]` or `--scores` with `--votes`: no option is ignored."""
    usage = "say `dreambench correlate imagenhub`, or give --scores FILE and --votes FILE"
    if ratings is not None and (scores or votes):
        raise DreambenchError(
            f"{ratings.value} has its own scores and ratings: no --scores, no --votes", usage
        )
    if ratings is None and data is not None:
        raise DreambenchError("--data is the folder of public ratings, and none are named", usage)
    if ratings is None and not (scores and votes):
        missing = "--votes" if scores else "--scores" if votes else "what to correlate"
        raise DreambenchError(f"{missing} is missing", usage)
