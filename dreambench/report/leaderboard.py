"""One sortable page of signed results: runs, submissions and published numbers, grouped by signature.

Rows of different signatures are in different tables, so they are never ranked together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from dreambench.analysis.run_scores import RunScores, protocol_scores, read_run_scores
from dreambench.analysis.seed_mean import with_seeds_joined
from dreambench.analysis.summarize import summary_of
from dreambench.analysis.summary import Row
from dreambench.errors import DreambenchError
from dreambench.literature.reported import ReportedResult, SetApart, beside, reported_results
from dreambench.report import numbers
from dreambench.report.html import names_a_page, render
from dreambench.report.inline_svg import color_of, draw_svg, name_dot, trade_off_panel
from dreambench.report.out_folder import refuse_foreign_folder
from dreambench.report.reported_table import apart_table, reported_value
from dreambench.report.table import TableCell, score_cell
from dreambench.spec.registries import get_metric, in_table_order
from dreambench.spec.signature import MINIATURE_NOTE, is_miniature, signature_differences
from dreambench.store import RunFolder, open_run
from dreambench.store.files import write_text
from dreambench.store.opening import runs_below

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = {"run": "run", "score": "submission"}


@dataclass(frozen=True)
class BoardRow:
    """One result: its name, what it is (run, submission, published), its images and its numbers."""

    name: str
    kind: str
    images: str
    cells: tuple[TableCell, ...]


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
        inside = [folder] if (folder / "run.json").exists() else runs_below(folder)
        if not inside:
            raise DreambenchError(f"{folder} contains no run", "name run folders, or folders of them")
        found.update((path.resolve(), open_run(path)) for path in inside)
    return list(found.values())


def write_leaderboard(folders: Sequence[Path], out: Path) -> Path:
    """Write the page of all runs in some folders, each by every protocol it was scored by; return it.

    Raises DreambenchError where there is no run, a run's scores cannot be read, or ``out`` is a folder with
    files that are not an earlier leaderboard's.
    """
    if not names_a_page(out):
        refuse_foreign_folder(out, "leaderboard")
    scored = read_run_scores(found_runs(folders))
    boards = make_boards(scored)
    comparable = {each.name for board in boards for each in beside(board.signature)[0]}
    apart = [result for result in reported_results() if result.name not in comparable]
    table = apart_table([_apart(result, boards) for result in apart])
    page = out if names_a_page(out) else out / "index.html"
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
    rows = [(run, summary_of([run]).rows[1]) for run in with_seeds_joined(group)]
    comparable, _ = beside(signature)
    metrics = in_table_order(name for _, row in rows for name in row.computed)
    own = [
        BoardRow(
            run.label,
            KINDS[run.record.kind],
            numbers.count(row.n_images),
            tuple(score_cell(row.score(metric)) for metric in metrics),
        )
        for run, row in sorted(rows, key=lambda pair: _rank(pair[1], metrics))
    ]
    quoted = [
        BoardRow(each.title, "published", "", tuple(TableCell(reported_value(each, m)) for m in metrics))
        for each in comparable
    ]
    note = f"{MINIATURE_NOTE}." if is_miniature(signature) else ""
    return Board(signature, anchor, note, metrics, (*own, *quoted), _figure(rows, anchor))


def _rank(row: Row, metrics: Sequence[str]) -> float:
    """Return what sorts rows by the first metric, the best first, and those without a score last."""
    score = row.score(metrics[0]) if metrics else None
    if score is None:
        return math.inf
    return -score.mean if get_metric(metrics[0]).higher_is_better else score.mean


def _figure(rows: Sequence[tuple[RunScores, Row]], anchor: str) -> Markup:
    """Draw DINO against CLIP-T with both intervals; empty where the runs lack one of them."""
    pairs = [(run.label, row.score("clip_t"), row.score("dino")) for run, row in rows]
    points = [(label, x, y) for label, x, y in pairs if x is not None and y is not None]
    if not points:
        return Markup("")

    def draw(figure: Figure) -> None:
        axes = trade_off_panel(figure)
        axes.margins(0.12)
        for position, (label, x, y) in enumerate(points):
            color = color_of(position)
            if x.ci95 and y.ci95:
                axes.plot(x.ci95, [y.mean] * 2, color=color, lw=1)
                axes.plot([x.mean] * 2, y.ci95, color=color, lw=1)
            axes.plot([x.mean], [y.mean], "o", color=color, ms=6)
            # Near dots keep their names apart.
            name_dot(axes, label, x.mean, y.mean, (6, 4 if position % 2 else -11))

    return draw_svg((7.2, 4.2), draw, anchor, "Fidelity against prompt following")
