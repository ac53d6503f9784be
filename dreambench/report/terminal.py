"""The tables on a terminal."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from dreambench.analysis.summary import SubjectScores, Summary
from dreambench.report import numbers
from dreambench.report.main_table import HeadlineCell, headline
from dreambench.report.text_tables import INCOMPARABLE
from dreambench.spec.registries import in_table_order
from dreambench.spec.signature import MINIATURE_NOTE, is_miniature

EN_DASH = "\N{EN DASH}"


def terminal_table(summary: Summary) -> Group:
    """Return the headline table and the table of subjects of each run, to be printed with ``rich``.

    Names are plain text: no markup in them is interpreted. The signature is not among them: it is one
    long line that must stay whole to be copied.
    """
    parts: list[Table | Text] = [_headline_table(summary)]
    for label, subjects in _subjects_by_run(summary).items():
        parts += [Text(), _subject_table(label, subjects)]
    if summary.unscored:
        images = numbers.plural(summary.unscored, "expected image")
        parts += [Text(), Text(f"{images} without a full set of scores", style="yellow")]
    if is_miniature(summary.signature):
        parts += [Text(), Text(MINIATURE_NOTE, style="yellow")]
    parts += [Text(f"{INCOMPARABLE}: {d}", style="bold red") for d in summary.incomparable]
    return Group(*parts)


def _subjects_by_run(summary: Summary) -> dict[str, dict[str, SubjectScores]]:
    if not summary.runs:
        return {summary.name: summary.subjects}
    return {label: run.subjects for label, run in summary.runs.items()}


def _table(title: str, first: str, metrics: tuple[str, ...]) -> Table:
    table = Table(title=Text(title, style="bold"), title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column(first, overflow="fold")
    for metric in metrics:
        table.add_column(numbers.title(metric), justify="right", no_wrap=True)
    return table


def _headline_table(summary: Summary) -> Table:
    content = headline(summary)
    table = _table(summary.name, "", content.metrics)
    table.add_column("images", justify="right", no_wrap=True)
    for row in content.rows:
        quoted = row.source == "paper"
        label = Text(f"{row.label.replace('Stable Diffusion', 'SD')}, paper" if quoted else row.label)
        images = "" if row.n_images is None else numbers.count(row.n_images)
        style = "dim" if quoted else "bold" if row.source == "run" else ""
        table.add_row(label, *(_stacked(cell) for cell in row.cells), images, style=style)
    return table


def _stacked(cell: HeadlineCell) -> Text:
    # One below the other, and no longer than this: five metrics fit into 80 columns.
    text = Text(cell.mean)
    if cell.interval:
        text.append(f"\n{cell.interval.strip('[]').replace(', ', EN_DASH)}", style="not bold dim")
    if cell.paper:
        text.append(f"\npaper {cell.paper}\n{cell.difference}", style="not bold dim")
    return text


def _subject_table(label: str, subjects: dict[str, SubjectScores]) -> Table:
    metrics = in_table_order(name for scores in subjects.values() for name in scores.metrics())
    table = _table(f"{label}: by subject", "subject", metrics)
    for name, scores in subjects.items():
        table.add_row(Text(name), *(numbers.fixed(scores.score(metric)) for metric in metrics))
    return table
