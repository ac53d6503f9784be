"""One sortable page of signed results: runs, submissions and published numbers, grouped by signature.

Rows of different signatures are in different tables, so they are never ranked together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from dreambench.analysis.run_scores import RunScores, protocol_scores, read_run_scores
from dreambench.analysis.summarize import summary_of
from dreambench.analysis.summary import Row
from dreambench.errors import DreambenchError
from dreambench.literature.reported import ReportedResult, SetApart, beside, reported_results
from dreambench.report import numbers
from dreambench.report.html import render
from dreambench.report.inline_svg import SOFT, colour_of, draw_svg, legend_above
from dreambench.report.reported_table import apart_table
from dreambench.report.score_figures import once
from dreambench.spec.registries import in_table_order
from dreambench.spec.signature import MINIATURE_NOTE, is_miniature, signature_differences
from dreambench.store import RunFolder, open_run
from dreambench.store.files import write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = {"run": "run", "score": "submission", "published": "published"}


@dataclass(frozen=True)
class BoardCell:
    """One number of a row with its interval as text; both empty where there is none."""

    text: str
    interval: str


@dataclass(frozen=True)
class BoardRow:
    """One result: its name, what it is (run, submission, published), its images and its numbers."""

    name: str
    kind: str
    images: str
    cells: tuple[BoardCell, ...]


@dataclass(frozen=True)
class Board:
    """The results of one signature: a sortable table and a figure of fidelity against prompt following."""

    signature: str
    anchor: str
    note: str
    metrics: tuple[str, ...]
    rows: tuple[BoardRow, ...]
    svg: Markup


def found_runs(folders: Sequence[Path]) -> list[RunFolder]:
    """Return the named run folders, and those up to two levels inside a named folder.

    Raises DreambenchError where a folder contains none.
    """
    found: dict[Path, RunFolder] = {}
    for folder in folders:
        inside = [folder] if (folder / "run.json").exists() else sorted(_inside(folder))
        if not inside:
            raise DreambenchError(f"{folder} contains no run", "name run folders, or folders of them")
        found.update((path.resolve(), open_run(path)) for path in inside)
    return list(found.values())


def _inside(folder: Path) -> list[Path]:
    return [file.parent for pattern in ("*/run.json", "*/*/run.json") for file in folder.glob(pattern)]


def write_leaderboard(folders: Sequence[Path], out: Path) -> Path:
    """Write the page of all runs in some folders, each by every protocol it was scored by; return it.

    Raises DreambenchError where there is no run, or a run's scores cannot be read.
    """
    scored = read_run_scores(found_runs(folders))
    boards = make_boards(scored)
    comparable = {each.name for board in boards for each in beside(board.signature)[0]}
    apart = [result for result in reported_results() if result.name not in comparable]
    table = apart_table([_apart(result, boards) for result in apart])
    page = out / "index.html" if not out.suffix else out
    write_text(page, render("leaderboard.html.j2", scripts=["tables.js"], boards=boards, apart=table))
    return page


def _apart(result: ReportedResult, boards: Sequence[Board]) -> SetApart:
    reasons = {one.reason for b in boards for one in beside(b.signature)[1] if one.result.name == result.name}
    return SetApart(result, "; ".join(sorted(reasons)))


def make_boards(scored: Sequence[RunScores]) -> list[Board]:
    """Group runs by signature, the largest group first, with the published results that compare."""
    by_protocol = [
        protocol_scores(run, name) for run in scored for name in run.record.protocols or ("",) if name
    ]
    every = [*(run for run in scored if not run.record.protocols), *by_protocol]
    groups: list[list[RunScores]] = []
    for run in every:
        for group in groups:
            if not signature_differences(group[0].signature, run.signature):
                group.append(run)
                break
        else:
            groups.append([run])
    ordered = sorted(groups, key=lambda group: -len(group))
    return [_board(group, f"board-{number}") for number, group in enumerate(ordered, start=1)]


def _board(group: Sequence[RunScores], anchor: str) -> Board:
    signature = group[0].signature
    rows = [(run, summary_of([run]).rows[1]) for run in group]
    comparable, _ = beside(signature)
    metrics = in_table_order(name for _, row in rows for name in row.metrics())
    ranked = sorted(rows, key=lambda pair: -_value(pair[1], metrics[0]) if metrics else 0)
    own = [
        BoardRow(
            run.label,
            KINDS[run.record.kind],
            numbers.count(row.n_images),
            tuple(_cell(row, metric) for metric in metrics),
        )
        for run, row in ranked
    ]
    quoted = [
        BoardRow(each.title, KINDS["published"], "", tuple(_quoted(each, metric) for metric in metrics))
        for each in comparable
    ]
    note = f"{MINIATURE_NOTE}." if is_miniature(signature) else ""
    figure = _figure(group, anchor)
    return Board(signature, anchor, note, metrics, (*own, *quoted), figure)


def _value(row: Row, metric: str) -> float:
    score = row.score(metric)
    return float("-inf") if score is None else score.mean


def _cell(row: Row, metric: str) -> BoardCell:
    score = row.score(metric)
    if score is None:
        return BoardCell(numbers.ABSENT, "")
    return BoardCell(numbers.fixed(score.mean), numbers.interval(score.ci95))


def _quoted(result: ReportedResult, metric: str) -> BoardCell:
    found = {str(name): value for name, value in result.values.items()}.get(metric)
    return BoardCell(numbers.fixed(found), "")


def _figure(group: Sequence[RunScores], anchor: str) -> Markup:
    """Draw DINO against CLIP-T with both intervals; empty where the runs lack one of them."""
    points = []
    for run in group:
        row = summary_of([run]).rows[1]
        x, y = row.score("clip_t"), row.score("dino")
        if x is not None and y is not None:
            points.append((run.label, x, y))
    if not points:
        return Markup("")

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for position, (label, x, y) in enumerate(points):
            colour = colour_of(position)
            if x.ci95 and y.ci95:
                axes.plot(x.ci95, [y.mean] * 2, color=colour, lw=1)
                axes.plot([x.mean] * 2, y.ci95, color=colour, lw=1)
            axes.plot([x.mean], [y.mean], "o", color=colour, ms=6, label=label)
            place = (6, 4 if position % 2 else -11)  # near dots, such as two seeds, keep their names apart
            axes.annotate(label, (x.mean, y.mean), place, textcoords="offset points", color=SOFT, fontsize=8)
        axes.set_xlabel(f"{numbers.title('clip_t')}  (follows the prompt)")
        axes.set_ylabel(f"{numbers.title('dino')}  (keeps the subject)")
        axes.margins(0.12)
        if len(points) <= 4:
            legend_above(figure, once([axes]))

    return draw_svg((7.2, 4.2), draw, anchor, "Fidelity against prompt following")
