"""A table, and its writers: Markdown, LaTeX, CSV and a terminal (HTML: ``templates/table.html.j2``).

A table's content is laid out once. Only the writers know how a format escapes text, so a name or a prompt
from a user's dataset is shown as it is in every format, and never interpreted.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from dreambench.analysis.summary import Score
from dreambench.report import numbers

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|~#])")
_INTERVAL = re.compile("\\[[\\d.,+\N{MINUS SIGN} ]*\\]")
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", "↑": r"$\uparrow$", "↓": r"$\downarrow$",
    numbers.MINUS: "$-$", numbers.ABSENT: "--", "±": r"$\pm$",
}  # fmt: skip
_WORDS = 12  # characters of a line that a name is broken into, where a terminal is narrow
_WIDE = 7  # columns; a LaTeX table of more is scaled to the width of the line


@dataclass(frozen=True)
class TableCell:
    """One field: its text, an interval in brackets, a ``remark`` (the paper's number), a rich style."""

    text: str
    interval: str = ""
    remark: str = ""
    style: str = ""

    @property
    def in_one_line(self) -> str:
        """The field as plain text."""
        remark = f"({self.remark})" if self.remark else ""
        return " ".join(filter(None, (self.text, self.interval, remark)))


def score_cell(score: Score | None, remark: str = "", style: str = "") -> TableCell:
    """Return a score with its interval as a field; a dash where there is none."""
    if score is None:
        return TableCell(numbers.ABSENT)
    return TableCell(numbers.fixed(score.mean), numbers.interval(score.ci95), remark, style)


@dataclass(frozen=True)
class TableRow:
    """One line: a rule separates it from rows of another ``group``; ``style`` is rich's, for all of it."""

    cells: tuple[TableCell, ...]
    group: str = ""
    style: str = ""


@dataclass(frozen=True)
class Table:
    """A table: the first ``words`` columns are text, the others numbers; ``note`` explains it."""

    title: str
    head: tuple[str, ...]
    rows: tuple[TableRow, ...]
    note: str = ""
    words: int = 1

    @property
    def groups(self) -> list[list[TableRow]]:
        """The rows between two rules: each run of rows of one group."""
        return [list(some) for _, some in groupby(self.rows, key=lambda each: each.group)]


def row(cells: Iterable[str | TableCell], group: str = "", style: str = "") -> TableRow:
    """Return a row of fields; plain text becomes a ``TableCell``."""
    return TableRow(tuple(TableCell(c) if isinstance(c, str) else c for c in cells), group, style)


def table(
    title: str,
    head: Iterable[str],
    rows: Iterable[Sequence[str | TableCell] | TableRow],
    note: str = "",
    words: int = 1,
) -> Table:
    """Return a table of rows, each given as its fields or as a ``TableRow``.

    Example:
        >>> print(to_markdown(table("", ["Method", "DINO"], [["a|b", "0.532"]])), end="")
        | Method | DINO |
        | --- | ---: |
        | a\\|b | 0.532 |
    """
    laid = tuple(each if isinstance(each, TableRow) else row(each) for each in rows)
    return Table(title, tuple(head), laid, note, words)


def markdown_text(text: str) -> str:
    """Escape text for Markdown."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def to_markdown(content: Table) -> str:
    """Return the rows in GitHub's Markdown, a newline at the end; title and note are the caller's."""
    rules = ["---" if i < content.words else "---:" for i in range(len(content.head))]
    lines = [[markdown_text(name) for name in content.head], rules]
    lines += [[_markdown_cell(cell) for cell in each.cells] for each in content.rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _markdown_cell(cell: TableCell) -> str:
    # An interval's brackets do not make a link: escaping them would only make the file hard to read.
    text = cell.text if _INTERVAL.fullmatch(cell.text) else markdown_text(cell.text)
    return " ".join(filter(None, (text, TableCell("", cell.interval, cell.remark).in_one_line)))


def markdown_document(title: str, facts: Iterable[str], tables: Iterable[Table]) -> str:
    """Return sentences and whole tables, with their titles and notes, as a page in Markdown."""
    parts = [
        f"# {title}",
        "\n".join(f"- {markdown_text(fact)}" for fact in facts),
        *markdown_sections(tables),
    ]
    return "\n\n".join(parts) + "\n"


def markdown_sections(tables: Iterable[Table]) -> list[str]:
    """Return the title, the rows and the note of each table in Markdown."""
    parts = []
    for each in tables:
        parts += [f"## {markdown_text(each.title)}", to_markdown(each).rstrip(), markdown_text(each.note)]
    return [part for part in parts if part]


def latex_text(text: str) -> str:
    """Escape text for LaTeX."""
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))


def to_latex(content: Table, caption: str | None = None) -> str:
    """Return a LaTeX table with booktabs; one of many columns is scaled by graphicx.

    ``caption`` is LaTeX already (None: title and note). Remarks are left out: a paper has no room for them.
    """
    if caption is None:
        caption = latex_text(" ".join(filter(None, (content.title.rstrip(".") + ".", content.note))))
    wide = len(content.head) > _WIDE
    columns = "l" * content.words + "r" * (len(content.head) - content.words)
    lines = [r"\toprule", _latex_row([latex_text(name) for name in content.head])]
    for some in content.groups:
        lines.append(r"\midrule")
        lines += [_latex_row([_latex_cell(cell) for cell in each.cells]) for each in some]
    return "\n".join(
        [
            r"% needs \usepackage{booktabs,graphicx}" if wide else r"% needs \usepackage{booktabs}",
            r"\begin{table}",
            r"  \centering",
            f"  \\caption{{{caption}}}",
            *([r"  \resizebox{\linewidth}{!}{%"] if wide else []),
            f"  \\begin{{tabular}}{{{columns}}}",
            *(f"    {line}" for line in (*lines, r"\bottomrule")),
            r"  \end{tabular}" + ("}" if wide else ""),
            "\\end{table}\n",
        ]
    )


def _latex_row(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def _latex_cell(cell: TableCell) -> str:
    interval = f" {{\\scriptsize {latex_text(cell.interval)}}}" if cell.interval else ""
    text = latex_text(cell.text)
    return (rf"\textbf{{{text}}}" if cell.style == "bold" else text) + interval


def to_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return values, not their rounded text, as CSV: full precision, an empty field where there is none."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return buffer.getvalue()


@dataclass(frozen=True)
class WholeTable:
    """A table for ``rich`` with ``least`` columns of characters: in less, digits would be cut off."""

    drawn: RichTable
    least: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the table as wide as the terminal, or wider; to be printed with ``crop=False``."""
        yield from console.render(self.drawn, options.update(max_width=max(options.max_width, self.least)))


def to_terminal(content: Table) -> WholeTable:
    """Return the table to be printed with ``rich``; no markup in names is interpreted.

    Interval and remark go below the text, so that five metrics fit into 80 columns. More make wider lines.
    """
    title = Text(content.title, style="bold") if content.title else None
    drawn = RichTable(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0), pad_edge=False)
    rows = [[_stacked(cell) for cell in each.cells] for each in content.rows]
    least = 0
    for i, name in enumerate(content.head):
        words = i < content.words
        drawn.add_column(Text(name), justify="left" if words else "right", overflow="fold", no_wrap=not words)
        widest = max(
            cell_len(line) for cell in (Text(name), *(r[i] for r in rows)) for line in cell.plain.split("\n")
        )
        least += 1 + (min(widest, _WORDS) if words else widest)
    for each, cells in zip(content.rows, rows, strict=True):
        drawn.add_row(*cells, style=each.style)
    return WholeTable(drawn, least)


def _stacked(cell: TableCell) -> Text:
    text = Text(cell.text, style=cell.style)
    interval = cell.interval.strip("[]")
    if numbers.MINUS not in interval:  # a dash saves width, but beside a minus sign it is misread
        interval = interval.replace(", ", numbers.ABSENT)
    below = [interval, *cell.remark.split(", ")]
    for part in filter(None, below):
        text.append(f"\n{part}", style="not bold dim")
    return text
