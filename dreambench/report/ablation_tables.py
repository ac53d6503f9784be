"""An ablation's table as Markdown, LaTeX and CSV, and on a terminal."""

from __future__ import annotations

import csv
import io

from rich.console import Group
from rich.table import Table
from rich.text import Text

from dreambench.analysis.ablation_summary import AblationSummary, Difference
from dreambench.report import numbers
from dreambench.report.text_tables import latex_text
from dreambench.spec.registries import get_metric, in_table_order
from dreambench.spec.signature import MINIATURE_NOTE, is_miniature

DIFFERENCES = (
    "Differences are paired over subjects; in brackets the 95% bootstrap interval over subjects, "
    "p by the two-sided sign-flip permutation test."
)


def metrics_of(summary: AblationSummary) -> list[str]:
    """Return the metrics that any row has, in their fixed order."""
    return list(in_table_order(name for row in summary.rows for name in row.metrics()))


def _rows(summary: AblationSummary, brackets: bool = True) -> list[list[str]]:
    rows = []
    for row in summary.rows:
        cells = [row.variant]
        for metric in metrics_of(summary):
            score = row.score(metric)
            ci95 = numbers.interval(score.ci95) if score and brackets else ""
            cells.append(f"{numbers.fixed(score.mean if score else None)} {ci95}".strip())
        rows.append(cells)
    return rows


def difference_cells(difference: Difference) -> list[str]:
    """Return a difference as text: which, the metric, the mean, its interval, p and n."""
    p = "" if difference.p is None else f"{difference.p:.3g}"
    return [
        f"{difference.variant} against {difference.reference}",
        get_metric(difference.metric).title,
        numbers.signed(difference.mean),
        numbers.interval(difference.ci95),
        p,
        str(difference.n),
    ]


def _by_subject(summary: AblationSummary, metric: str) -> list[list[str]]:
    """Return a row per subject and a column per variant; the paper's row of that name below it."""
    paper = {row.name: row.values for row in summary.paper if set(row.values) == set(summary.subjects)}
    rows = []
    for subject in next(iter(summary.subjects.values())):
        values = [scores[subject].score(metric) for scores in summary.subjects.values()]
        rows.append([subject, *map(numbers.fixed, values)])
        if subject in paper and metric == "dino":
            rows.append([f"{subject}, paper", *(numbers.fixed(paper[subject][v]) for v in summary.subjects)])
    return rows


def _paper_rows(summary: AblationSummary) -> list[list[str]]:
    metrics = metrics_of(summary)
    return [
        [f"{row.label}, paper", *(numbers.fixed(row.values.get(m)) for m in metrics)]
        for row in summary.paper
        if set(row.values) & set(metrics)
    ]


def _markdown(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return [f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines]


def ablation_markdown(summary: AblationSummary) -> str:
    """Return the ablation in GitHub's Markdown: variants, differences, subjects, and the signature."""
    metrics = metrics_of(summary)
    head = ["Variant", *map(numbers.title, metrics)]
    lines = [f"**{summary.title}** (the paper's Table {summary.table})", ""]
    lines += _markdown(head, _rows(summary) + _paper_rows(summary))
    lines += ["", DIFFERENCES, ""]
    lines += _markdown(
        ["Comparison", "Metric", "Difference", "95% interval", "p", "n"],
        [difference_cells(d) for d in summary.differences],
    )
    for metric in [m for m in metrics if m in ("dino", "clip_t")]:
        head = [f"{get_metric(metric).title} by subject", *summary.subjects]
        lines += ["", *_markdown(head, _by_subject(summary, metric))]
    lines += ["", *(f"- {note}" for note in summary.notes), "", f"Signature: `{summary.signature}`"]
    if summary.caution:
        lines += ["", f"Caution: {summary.caution}"]
    if is_miniature(summary.signature):
        lines += ["", f"**{MINIATURE_NOTE}.**"]
    return "\n".join(lines) + "\n"


def ablation_latex(summary: AblationSummary) -> str:
    """Return the table of variants for LaTeX with booktabs."""
    metrics = metrics_of(summary)
    notes = [summary.title, *summary.notes, f"Signature: {summary.signature}"]
    if is_miniature(summary.signature):
        notes.append(MINIATURE_NOTE)
    body = [" & ".join(map(_latex_cell, row)) + r" \\" for row in _rows(summary)]
    quoted = [" & ".join(map(_latex_cell, row)) + r" \\" for row in _paper_rows(summary)]
    head = " & ".join(["Variant", *(latex_text(numbers.title(m)) for m in metrics)]) + r" \\"
    parts = [
        r"\toprule",
        head,
        r"\midrule",
        *body,
        *([r"\midrule", *quoted] if quoted else []),
        r"\bottomrule",
    ]
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"  \centering",
        f"  \\caption{{{'. '.join(latex_text(note.rstrip('.')) for note in notes)}.}}",
        f"  \\begin{{tabular}}{{l{'c' * len(metrics)}}}",
        *(f"    {part}" for part in parts),
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _latex_cell(text: str) -> str:
    return latex_text(text).replace(numbers.MINUS, "$-$").replace(numbers.ABSENT, "--")


def ablation_csv(summary: AblationSummary) -> str:
    """Return a row per variant and metric: mean, interval, difference from the reference, p, n."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    names = ["mean", "low", "high", "difference", "difference_low", "difference_high", "p", "n"]
    writer.writerow(["variant", "metric", *names])
    found = {(d.variant, d.metric): d for d in summary.differences}
    for row in summary.rows:
        for metric in metrics_of(summary):
            score, difference = row.score(metric), found.get((row.variant, metric))
            fields = [score and score.mean, *((score and score.ci95) or (None, None))]
            fields += [difference and difference.mean, *((difference and difference.ci95) or (None, None))]
            fields += [difference and difference.p, difference and difference.n]
            writer.writerow([row.variant, metric, *fields])
    return buffer.getvalue()


def ablation_terminal(summary: AblationSummary) -> Group:
    """Return the tables to be printed with ``rich``."""
    table = Table(title=Text(summary.title, style="bold"), title_justify="left", box=None)
    for name in ["", *map(numbers.title, metrics_of(summary))]:
        table.add_column(name)
    for row in _rows(summary, brackets=False) + _paper_rows(summary):
        table.add_row(*map(Text, row))
    differences = Table(box=None)
    for name in ("difference", "metric", "mean", "95% interval", "p", "n"):
        differences.add_column(name)
    for difference in summary.differences:
        differences.add_row(*map(Text, difference_cells(difference)))
    parts: list[Table | Text] = [table, Text(), differences]
    if is_miniature(summary.signature):
        parts += [Text(), Text(MINIATURE_NOTE, style="yellow")]
    return Group(*parts)
