"""The tables of a correlation analysis as Markdown, LaTeX and on a terminal."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from dreambench.human.correlation import Correlations
from dreambench.report.correlation.sheets import Sheet, facts, sheets
from dreambench.report.text_tables import latex_text, markdown_text


def markdown(found: Correlations) -> str:
    """Return the whole analysis in GitHub's Markdown; names are escaped."""
    parts = ["# Correlation with human judgement", "\n".join(f"- {markdown_text(f)}" for f in facts(found))]
    for sheet in sheets(found):
        parts += [f"## {markdown_text(sheet.title)}", _markdown_table(sheet), markdown_text(sheet.note)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _markdown_table(sheet: Sheet) -> str:
    rule = ["---" if i < sheet.words else "---:" for i in range(len(sheet.head))]
    rows = [[markdown_text(cell) for cell in row] for row in (sheet.head, *sheet.rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (rows[0], rule, *rows[1:]))


def latex(found: Correlations) -> str:
    """Return one LaTeX table (booktabs) per sheet; names are escaped."""
    lines = [r"% needs \usepackage{booktabs,graphicx}", *(f"% {fact}" for fact in facts(found))]
    for sheet in sheets(found):
        columns = "l" * sheet.words + "r" * (len(sheet.head) - sheet.words)
        body = [_latex_row(sheet.head), r"\midrule", *map(_latex_row, sheet.rows)]
        lines += [
            r"\begin{table}",
            r"  \centering",
            f"  \\caption{{{latex_text(sheet.title.rstrip('.') + '. ' + sheet.note)}}}",
            r"  \resizebox{\linewidth}{!}{%",
            f"  \\begin{{tabular}}{{{columns}}}",
            *(f"    {line}" for line in (r"\toprule", *body, r"\bottomrule")),
            r"  \end{tabular}}",
            r"\end{table}",
        ]
    return "\n".join(lines) + "\n"


def _latex_row(cells: tuple[str, ...]) -> str:
    return " & ".join(latex_text(cell) for cell in cells) + r" \\"


def terminal(found: Correlations) -> Group:
    """Return the analysis to be printed with ``rich``; no markup in names is interpreted."""
    parts: list[Table | Text] = [Text(fact) for fact in facts(found)]
    for sheet in sheets(found):
        table = Table(title=Text(sheet.title, style="bold"), title_justify="left", box=None, pad_edge=False)
        for number, name in enumerate(sheet.head):
            words = number < sheet.words
            table.add_column(Text(name), justify="left" if words else "right", overflow="fold")
        for row in sheet.rows:
            table.add_row(*map(Text, row))
        parts += [Text(), table, Text(sheet.note, style="dim")]
    return Group(*parts)
