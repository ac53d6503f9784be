"""The main table: the photos' bound, our rows, the paper's; and the document around it in each format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group
from rich.text import Text

from dreambench.analysis.paired import INTERVAL, LEAST
from dreambench.analysis.summary import Row, Score, SubjectScores, Summary
from dreambench.literature.published import differences_from_paper, of_the_papers_subjects, published
from dreambench.report import numbers
from dreambench.report.protocol_table import protocol_table
from dreambench.report.table import (
    Table,
    TableCell,
    TableRow,
    WholeTable,
    latex_text,
    markdown_text,
    row,
    score_cell,
    table,
    to_latex,
    to_markdown,
    to_terminal,
)
from dreambench.spec.registries import get_metric, in_table_order, standard_metrics
from dreambench.spec.signature import MINIATURE_NOTE, is_miniature, of_pairs

REAL_LABEL = "Real images"
_MEAN = "Mean over subjects of the mean over each subject's images"
_MEAN_OF_PAIRS = "Mean over pairs of subjects of the mean over each pair's images and both of its subjects"
_SHARED = "wider for the subjects that pairs share"
INCOMPARABLE = "The signatures of these runs differ: their numbers must not be compared"


def main_table(summary: Summary) -> Table:
    """Lay a summary out as the paper's Table 1; rows are of the groups ``real``, ``run`` and ``paper``.

    The columns are the metrics that have a number in any of our rows, in their fixed order. The photos have a
    row unless none of these metrics scores them.
    """
    metrics = table_metrics(summary)
    best = _best(summary.rows[1:], metrics)
    ours = [
        _our_row(each, metrics, best, "run" if position else "real")
        for position, each in enumerate(summary.rows)
        if position or any(each.score(metric) for metric in metrics)
    ]
    paper = [] if differences_from_paper(summary.signature) else _published_rows(metrics)
    return table(summary.name, _head(metrics), [*ours, *paper], _caption(summary))


def _caption(summary: Summary) -> str:
    mean, method, means_of = _MEAN, INTERVAL, "subjects"
    if of_pairs(summary.signature):
        mean, means_of = _MEAN_OF_PAIRS, "pairs"
        method = f"{INTERVAL.replace('subjects', 'pairs')}, {_SHARED}"
    if any(score.ci95 for each in summary.rows for score in each.computed.values()):
        return f"{mean}; in brackets the 95% interval ({method})."
    return f"{mean}; without intervals, which need {LEAST} {means_of}."


def _head(metrics: tuple[str, ...]) -> list[str]:
    return ["Method", *map(numbers.title, metrics), "Images"]


def table_metrics(summary: Summary) -> tuple[str, ...]:
    """Return the metrics that are columns of the main table."""
    return summary.metrics() or standard_metrics()[:3]


def _best(runs: Sequence[Row], metrics: tuple[str, ...]) -> dict[str, str]:
    """Return each metric's best value as printed, so that equal ones are marked alike; none for one run."""
    found = {}
    for metric in metrics if len(runs) > 1 else ():
        means = [score.mean for each in runs if (score := each.score(metric)) is not None]
        choose = max if get_metric(metric).higher_is_better else min
        if len(means) > 1:
            found[metric] = numbers.fixed(choose(means))
    return found


def _our_row(each: Row, metrics: tuple[str, ...], best: Mapping[str, str], group: str) -> TableRow:
    label = each.method if group == "run" else REAL_LABEL
    images = "" if each.n_images is None else numbers.count(each.n_images)
    # With several runs the best values alone are bold.
    style = "bold" if group == "run" and not best else ""
    cells = [_cell(each.score(metric), best.get(metric) if group == "run" else None) for metric in metrics]
    return row([label, *cells, images], group, style)


def _cell(score: Score | None, best: str | None) -> TableCell:
    if score is None or score.paper is None:
        remark = ""
    else:
        remark = f"paper {numbers.fixed(score.paper)}, {numbers.signed(score.mean - score.paper)}"
    return score_cell(score, remark, "bold" if score and numbers.fixed(score.mean) == best else "")


def _published_rows(metrics: tuple[str, ...]) -> list[TableRow]:
    rows = []
    for quoted in published().table(1).rows:
        values = [numbers.fixed(quoted.values.get(metric)) for metric in metrics]
        rows.append(row([f"{quoted.label}, paper", *values, ""], "paper", "dim"))
    return rows


def paper_apart(summary: Summary) -> Table | None:
    """Return the paper's Table 1 as a table of its own, with the reason why it is not part of ours.

    None where it is part of ours, and for other subjects than the paper's.
    """
    why = differences_from_paper(summary.signature)
    if not why or not of_the_papers_subjects(summary.signature):
        return None
    metrics = table_metrics(summary)
    note = (
        "These numbers are not comparable with ours, which differ from the paper's protocol in "
        f"{'; '.join(why)}."
    )
    return table("The paper's Table 1", _head(metrics), _published_rows(metrics), note)


def markdown_table(summary: Summary) -> str:
    """Return the main table in GitHub's Markdown, with the signature below it."""
    lines = [to_markdown(main_table(summary)), _caption(summary), "", f"Signature: `{summary.signature}`"]
    apart = paper_apart(summary)
    if apart:
        lines += ["", f"{apart.title}. {markdown_text(apart.note)}", "", to_markdown(apart).rstrip()]
    protocols = protocol_table(summary)
    if protocols:
        lines += ["", f"{protocols.title}. {markdown_text(protocols.note)}", "", to_markdown(protocols)]
        lines += [f"- {name}: `{each.signature}`" for name, each in summary.protocols.items()]
    if is_miniature(summary.signature):
        lines += ["", f"**{MINIATURE_NOTE}.**"]
    if summary.incomparable:
        lines += ["", f"**{INCOMPARABLE}: {markdown_text('; '.join(summary.incomparable))}.**"]
    return "\n".join(lines) + "\n"


def latex_table(summary: Summary) -> str:
    """Return the main table for LaTeX with booktabs; names are escaped."""
    signature = latex_text(summary.signature).replace(r"\textbar{}", r"\textbar{}\allowbreak{}")
    notes = [latex_text(_caption(summary)), f"Signature: \\texttt{{{signature}}}."]
    if is_miniature(summary.signature):
        notes.append(f"\\textbf{{{latex_text(MINIATURE_NOTE)}.}}")
    if summary.incomparable:
        notes.append(f"\\textbf{{{INCOMPARABLE}: {latex_text('; '.join(summary.incomparable))}.}}")
    return f"% signature: {summary.signature}\n{to_latex(main_table(summary), ' '.join(notes))}"


def terminal_table(summary: Summary) -> Group:
    """Return the table of subjects of each run and the main table, to be printed with ``rich``.

    The main table is last, where a terminal shows it however many subjects there are; a single subject is
    not repeated. The signature is not among them: it is one long line that must stay whole to be copied.
    """
    parts: list[WholeTable | Text] = [Text()]
    by_run = {label: run.subjects for label, run in summary.runs.items()} or {summary.name: summary.subjects}
    for label, subjects in by_run.items():
        if len(subjects) > 1:
            parts += [to_terminal(_subjects(label, subjects)), Text()]
    parts.append(to_terminal(main_table(summary)))
    apart = paper_apart(summary)
    if apart:
        parts += [Text(), to_terminal(apart), Text(apart.note, style="dim")]
    protocols = protocol_table(summary)
    if protocols:
        parts += [Text(), to_terminal(protocols), Text(protocols.note, style="dim")]
    if summary.unscored:
        images = numbers.plural(summary.unscored, "expected image")
        parts += [Text(), Text(f"{images} without a full set of scores", style="yellow")]
    if is_miniature(summary.signature):
        parts += [Text(), Text(MINIATURE_NOTE, style="yellow")]
    parts += [Text(f"{INCOMPARABLE}: {d}", style="bold red") for d in summary.incomparable]
    return Group(*parts)


def _subjects(label: str, subjects: dict[str, SubjectScores]) -> Table:
    metrics = in_table_order(name for scores in subjects.values() for name in scores.computed)
    rows = [
        [name, *(numbers.fixed(scores.score(metric)) for metric in metrics)]
        for name, scores in subjects.items()
    ]
    return table(f"{label}: by subject", ["Subject", *map(numbers.title, metrics)], rows)
