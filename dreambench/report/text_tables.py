"""The headline table as Markdown and LaTeX, ready to paste."""

from __future__ import annotations

import re

from dreambench.analysis.paired import RESAMPLES, SEED
from dreambench.analysis.summary import Summary
from dreambench.report import numbers
from dreambench.report.main_table import HeadlineCell, HeadlineRow, headline
from dreambench.spec.signature import MINIATURE_NOTE, is_miniature

CAPTION = (
    "Mean over subjects of the mean over each subject's images; in brackets the 95% interval "
    f"(percentile bootstrap over subjects, {RESAMPLES:,} resamples, seed {SEED})."
)
INCOMPARABLE = "The signatures of these runs differ: their numbers must not be compared"
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|~#])")
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", "↑": r"$\uparrow$", "↓": r"$\downarrow$",
    numbers.MINUS: "$-$", numbers.ABSENT: "--",
}  # fmt: skip


def markdown_table(summary: Summary) -> str:
    """Return the headline table in GitHub's Markdown, with the signature below it."""
    table = headline(summary)
    head = ["Method", *map(numbers.title, table.metrics), "Images"]
    lines = [_markdown_line(head), _markdown_line(["---"] + ["---:"] * (len(head) - 1))]
    lines += [_markdown_line(_markdown_row(row)) for row in table.rows]
    lines += ["", CAPTION, "", f"Signature: `{summary.signature}`"]
    if is_miniature(summary.signature):
        lines += ["", f"**{MINIATURE_NOTE}.**"]
    if summary.incomparable:
        lines += ["", f"**{INCOMPARABLE}: {markdown_text('; '.join(summary.incomparable))}.**"]
    return "\n".join(lines) + "\n"


def _markdown_line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def markdown_text(text: str) -> str:
    """Escape text for Markdown."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def _markdown_row(row: HeadlineRow) -> list[str]:
    label = f"{row.label}, paper" if row.source == "paper" else row.label
    images = "" if row.n_images is None else numbers.count(row.n_images)
    return [markdown_text(label), *(_plain_cell(cell) for cell in row.cells), images]


def _plain_cell(cell: HeadlineCell) -> str:
    paper = f"(paper {cell.paper}, {cell.difference})" if cell.paper else ""
    return " ".join(filter(None, (cell.mean, cell.interval, paper)))


def latex_table(summary: Summary) -> str:
    """Return the headline table for LaTeX with booktabs; names are escaped."""
    table = headline(summary)
    head = " & ".join(["Method", *(latex_text(numbers.title(m)) for m in table.metrics)])
    body = [r"\midrule", *map(_latex_row, table.ours)]
    if table.papers:
        group = f"\\multicolumn{{{1 + len(table.metrics)}}}{{l}}{{\\emph{{The paper, Table 1}}}} \\\\"
        body += [r"\midrule", group, *map(_latex_row, table.papers)]
    caption = f"{latex_text(CAPTION)} {_latex_notes(summary)}"
    lines = [
        r"% needs \usepackage{booktabs}",
        f"% signature: {summary.signature}",
        r"\begin{table}",
        r"  \centering",
        f"  \\caption{{{caption.strip()}}}",
        f"  \\begin{{tabular}}{{l{'c' * len(table.metrics)}}}",
        *(f"    {line}" for line in (r"\toprule", f"{head} \\\\", *body, r"\bottomrule")),
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _latex_notes(summary: Summary) -> str:
    signature = latex_text(summary.signature).replace(r"\textbar{}", r"\textbar{}\allowbreak{}")
    notes = [f"Signature: \\texttt{{{signature}}}."]
    if is_miniature(summary.signature):
        notes.append(f"\\textbf{{{latex_text(MINIATURE_NOTE)}.}}")
    if summary.incomparable:
        notes.append(f"\\textbf{{{INCOMPARABLE}: {latex_text('; '.join(summary.incomparable))}.}}")
    return " ".join(notes)


def _latex_row(row: HeadlineRow) -> str:
    cells = [f"{c.mean} {{\\scriptsize {c.interval}}}" if c.interval else c.mean for c in row.cells]
    return " & ".join([latex_text(row.label), *(_latex_number(cell) for cell in cells)]) + r" \\"


def _latex_number(cell: str) -> str:
    return cell.replace(numbers.MINUS, "$-$").replace(numbers.ABSENT, "--")


def latex_text(text: str) -> str:
    """Escape text for LaTeX."""
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))
