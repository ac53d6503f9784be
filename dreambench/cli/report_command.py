"""``dreambench report``: tables and page of one run or several; ``dreambench leaderboard``: of them all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dreambench.cli.options import Json
from dreambench.cli.printing import print_uncut
from dreambench.errors import DreambenchError

if TYPE_CHECKING:
    from dreambench.analysis import Summary
    from dreambench.store import RunFolder

RESULTS = Path("results")


def report(
    runs: Annotated[
        list[Path] | None, typer.Argument(metavar="RUN", help="Run folders. [default: the latest]")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER|FILE",
            help="The report's folder, or its FILE.html. [default: report/ or report.html in the run]",
        ),
    ] = None,
    json: Json = False,
    force: Annotated[
        bool, typer.Option("--force", help="Show runs of different signatures, marked as incomparable.")
    ] = False,
    votes: Annotated[
        Path | None,
        typer.Option(
            "--votes", metavar="FILE", help="A user study's votes: the page gets the paper's Table 2."
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            metavar="NAME|FILE",
            help="The scores by a protocol; refuses runs of another. Or several: a,b.",
        ),
    ] = None,
    single_file: Annotated[
        bool, typer.Option("--single-file", help="Write one self-contained HTML file, to mail.")
    ] = False,
    compare_sheet: Annotated[
        Path | None,
        typer.Option(
            "--compare-sheet",
            metavar="FILE",
            help="Also write the runs' images side by side: a .png or .pdf file.",
        ),
    ] = None,
    cells: Annotated[
        str | None,
        typer.Option(
            "--cells", metavar="IMAGE,...", help="The images of that file: names such as dog/3-0,cat/4-1."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="FOLDER", help="The dataset's folder, where a run's photos have moved."
        ),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Set comparable published results beside the runs.")
    ] = False,
) -> None:
    """Write HTML, Markdown, LaTeX and CSV tables of one run, or of several side by side."""
    from dreambench.analysis import summarize
    from dreambench.analysis.coverage import by_protocol_of
    from dreambench.report import write_report, write_single_file
    from dreambench.report.out_folder import refuse_foreign_folder
    from dreambench.store import open_run
    from dreambench.store.moved_photos import find_photos

    opened = [find_photos(open_run(path), data) for path in runs or [latest_run(RESULTS)]]
    if protocol is not None:
        opened = by_protocol_of(opened, protocol)
    summary = summarize(opened, force)
    place = _place(opened, out, single_file)
    if not single_file:
        refuse_foreign_folder(place, "report", opened)
    if compare_sheet is not None or cells is not None:
        _write_sheet(opened, compare_sheet, cells)
    write = write_single_file if single_file else write_report
    page = write(opened, place, force=force, votes=votes, published=published)
    if json:
        typer.echo(summary.model_dump_json(indent=1))
    else:
        _print_tables(opened, summary, published)
    for notice in dict.fromkeys(line for run in opened for line in run.notices):
        typer.echo(notice, err=True)
    size = f" ({page.stat().st_size / 1e6:.1f} MB)" if single_file else ""
    typer.echo(f"report: {page}{size}", err=True)


def _write_sheet(runs: list[RunFolder], file: Path | None, cells: str | None) -> None:
    from dreambench.analysis.run_scores import read_run_scores
    from dreambench.report.comparison import parse_cells, typical_cells
    from dreambench.report.comparison_sheet import write_comparison

    if file is None:
        raise DreambenchError(
            "--cells chooses the images of a sheet", "give --compare-sheet FILE.png as well"
        )
    scored = read_run_scores(runs)
    chosen = parse_cells(cells, scored) if cells else typical_cells(scored)
    write_comparison(scored, chosen, file, by_hand=bool(cells))
    typer.echo(f"comparison: {file}", err=True)


def _print_tables(runs: list[RunFolder], summary: Summary, published: bool) -> None:
    from dreambench.report import terminal_table

    if published:
        from dreambench.report.reported_table import published_tables
        from dreambench.report.table import to_terminal

        for content in published_tables(summary.signature):
            print_uncut("", to_terminal(content))
    print_uncut(terminal_table(summary))
    typer.echo(f"\nsignature {summary.signature}")
    for run in runs:
        for note in run.record.notes:
            typer.echo(f"{run.record.name}: {note}", err=True)
        if run.record.status != "complete":
            typer.echo(f"{run.record.name}: the run is not complete ({run.record.status})", err=True)


def latest_run(results: Path) -> Path:
    """Return the run folder below ``results`` that was updated last, of those that have scores if any does.

    Raises DreambenchError where there is none.
    """
    from dreambench.store.opening import readable_runs

    # A damaged run is no reason to hide the others.
    found = readable_runs(file.parent for file in results.glob("*/run.json"))
    if not found:
        raise DreambenchError(f"no run in {results}/", "name a run folder: dreambench report RUN")
    return max((r.score_file("images").is_file(), r.record.updated, r.path) for r in found)[-1]


def signatures_differ(paths: list[Path]) -> bool:
    """Whether runs were scored by different protocols, or on different data, so that no table holds both."""
    from dreambench.analysis import summarize
    from dreambench.store import open_run

    try:
        summarize([open_run(path) for path in paths], False)
    except DreambenchError:
        return True
    return False


def _place(runs: list[RunFolder], out: Path | None, single_file: bool) -> Path:
    """Return the folder that a report goes to, or its one file: an ``out`` that names no page is a folder.

    Raises DreambenchError where ``out`` names a page and the report is a folder.
    """
    from dreambench.report.html import names_a_page
    from dreambench.report.write import default_folder

    folder = out or default_folder(runs)
    if out is not None and names_a_page(out):
        if not single_file:
            raise DreambenchError(
                f"--out {out} names a page, not a folder", "add --single-file, or name a folder"
            )
        return out
    if not single_file:
        return folder
    return folder / "report.html" if out else folder.with_name(f"{folder.name}.html")


def leaderboard(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER", help="Run folders, or folders that contain some.")
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER|FILE", help="The page's folder, or its FILE.html.")
    ] = Path("results/leaderboard"),
) -> None:
    """Write one sortable page of signed results, grouped by signature, with comparable published ones."""
    from dreambench.report.leaderboard import write_leaderboard

    typer.echo(f"leaderboard: {write_leaderboard(folders, out)}", err=True)
