"""An ablation's files: its tables as Markdown, LaTeX and CSV, its figure; and the tables on a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from dreambench.analysis.ablation_summary import AblationSummary, Difference
from dreambench.analysis.paired import INTERVAL
from dreambench.report import numbers
from dreambench.report.html import render_tables
from dreambench.report.inline_svg import svg_text
from dreambench.report.table import (
    Table,
    latex_text,
    markdown_text,
    row,
    score_cell,
    table,
    to_csv,
    to_latex,
    to_markdown,
    to_terminal,
)
from dreambench.report.thumbnails import data_address
from dreambench.spec.registries import get_metric, in_table_order
from dreambench.spec.signature import MINIATURE_NOTE, is_miniature
from dreambench.store.files import write_json, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTE = (
    f"Differences are paired over subjects; in brackets the 95% interval ({INTERVAL}), "
    "p by the two-sided sign-flip permutation test, and beside it after Holm's correction over all rows of "
    "this table."
)
BY_SUBJECT = ("dino", "clip_t")  # the metrics of the paper's Tables 3 and 4


def write_ablation(summary: AblationSummary, folder: Path) -> None:
    """Write ``ablation.html``, ``.json``, ``.md``, ``.tex``, ``.csv`` and ``.svg`` into a folder."""
    write_json(folder / "ablation.json", summary)
    write_text(folder / "ablation.md", ablation_markdown(summary))
    write_text(folder / "ablation.tex", ablation_latex(summary))
    write_text(folder / "ablation.csv", ablation_csv(summary))
    figure = ablation_figure(summary)
    write_text(folder / "ablation.svg", figure)
    write_text(folder / "ablation.html", _page(summary, figure))


def _page(summary: AblationSummary, figure: str) -> str:
    facts = [f"signature {summary.signature}", *summary.notes]
    if summary.caution:
        facts.append(summary.caution)
    if is_miniature(summary.signature):
        facts.append(f"{MINIATURE_NOTE}.")
    caption = "Each subject's scores over the variants, and on top their mean with its 95% interval."
    return render_tables(
        summary.title,
        f"The paper's Table {summary.table}",
        facts,
        [_variants(summary), _differences(summary), *_by_subject(summary)],
        {caption: data_address(figure.encode(), "image/svg+xml")},
    )


def _metrics(summary: AblationSummary) -> list[str]:
    return list(in_table_order(name for each in summary.rows for name in each.computed))


def _variants(summary: AblationSummary) -> Table:
    """Lay out a row per variant, and the paper's rows below a rule."""
    metrics = _metrics(summary)
    rows = []
    for each in summary.rows:
        rows.append(row([each.variant, *(score_cell(each.score(metric)) for metric in metrics)], "run"))
    for quoted in summary.paper:
        if set(quoted.values) & set(metrics):
            values = [numbers.fixed(quoted.values.get(metric)) for metric in metrics]
            rows.append(row([f"{quoted.label}, paper", *values], "paper", "dim"))
    return table(summary.title, ["Variant", *map(numbers.title, metrics)], rows)


def _differences(summary: AblationSummary) -> Table:
    head = ("Comparison", "Metric", "Difference", "95% interval", "p", "p, Holm", "n")
    return table("", head, map(_difference_cells, summary.differences), NOTE, words=2)


def _difference_cells(difference: Difference) -> list[str]:
    return [
        f"{difference.variant} against {difference.reference}",
        get_metric(difference.metric).title,
        numbers.signed(difference.mean),
        numbers.signed_interval(difference.ci95),
        *map(numbers.p_value, (difference.p, difference.p_holm)),
        str(difference.n),
    ]


def _by_subject(summary: AblationSummary) -> list[Table]:
    return [_subjects(summary, metric) for metric in _metrics(summary) if metric in BY_SUBJECT]


def _subjects(summary: AblationSummary, metric: str) -> Table:
    """Lay out a row per subject and a column per variant; the paper's row of that name below it."""
    paper = {each.name: each.values for each in summary.paper if set(each.values) == set(summary.subjects)}
    rows = []
    for subject in next(iter(summary.subjects.values())):
        values = [scores[subject].score(metric) for scores in summary.subjects.values()]
        rows.append([subject, *map(numbers.fixed, values)])
        if subject in paper and metric == "dino":
            rows.append([f"{subject}, paper", *(numbers.fixed(paper[subject][v]) for v in summary.subjects)])
    return table("", [f"{get_metric(metric).title} by subject", *summary.subjects], rows)


def ablation_markdown(summary: AblationSummary, by_subject: bool = True) -> str:
    """Return an ablation in GitHub's Markdown: variants, differences, signature, and optionally subjects."""
    lines = [f"**{markdown_text(summary.title)}** (the paper's Table {summary.table})", ""]
    lines += [to_markdown(_variants(summary)), NOTE, "", to_markdown(_differences(summary)).rstrip()]
    for content in _by_subject(summary) if by_subject else ():
        lines += ["", to_markdown(content).rstrip()]
    lines += ["", *(f"- {note}" for note in summary.notes), "", f"Signature: `{summary.signature}`"]
    if summary.caution:
        lines += ["", f"Caution: {summary.caution}"]
    if is_miniature(summary.signature):
        lines += ["", f"**{MINIATURE_NOTE}.**"]
    return "\n".join(lines) + "\n"


def ablation_latex(summary: AblationSummary) -> str:
    """Return the table of variants for LaTeX with booktabs."""
    notes = [summary.title, *summary.notes, f"Signature: {summary.signature}"]
    if is_miniature(summary.signature):
        notes.append(MINIATURE_NOTE)
    return to_latex(_variants(summary), " ".join(f"{latex_text(note.rstrip('.'))}." for note in notes))


def ablation_csv(summary: AblationSummary) -> str:
    """Return a row per variant and metric: mean, interval, difference from the reference, p, n, Holm's p."""
    names = ["mean", "low", "high", "difference", "difference_low", "difference_high"]
    names += ["p", "n", "p_holm"]
    found = {(d.variant, d.metric): d for d in summary.differences}
    rows = []
    for each in summary.rows:
        for metric in _metrics(summary):
            score, difference = each.score(metric), found.get((each.variant, metric))
            fields = [score and score.mean, *((score and score.ci95) or (None, None))]
            fields += [difference and difference.mean, *((difference and difference.ci95) or (None, None))]
            fields += [difference and getattr(difference, name) for name in ("p", "n", "p_holm")]
            rows.append([each.variant, metric, *fields])
    return to_csv(["variant", "metric", *names], rows)


def ablation_terminal(summary: AblationSummary) -> Group:
    """Return the tables to be printed with ``rich``."""
    mini = [Text(), Text(MINIATURE_NOTE, style="yellow")] if is_miniature(summary.signature) else []
    return Group(to_terminal(_variants(summary)), Text(), to_terminal(_differences(summary)), *mini)


def ablation_figure(summary: AblationSummary) -> str:
    """Return a panel per metric as SVG: a line per subject over the variants, the mean with its interval."""
    metrics, variants = _metrics(summary), list(summary.subjects)

    def draw(figure: Figure) -> None:
        for position, metric in enumerate(metrics, start=1):
            axes = figure.add_subplot(1, len(metrics), position)
            for subject in summary.subjects[variants[0]]:
                line = [summary.subjects[v][subject].score(metric) for v in variants]
                axes.plot(variants, [float("nan") if x is None else x for x in line], color="0.75", lw=0.8)
            scores = [each.score(metric) for each in summary.rows]
            means = [s.mean if s else float("nan") for s in scores]
            low = [m - s.ci95[0] if s and s.ci95 else 0 for m, s in zip(means, scores, strict=True)]
            high = [s.ci95[1] - m if s and s.ci95 else 0 for m, s in zip(means, scores, strict=True)]
            axes.errorbar(variants, means, yerr=[low, high], color="tab:blue", marker="o", capsize=3)
            axes.set_title(numbers.title(metric))
            axes.margins(x=0.15)
        figure.suptitle(summary.title)

    return svg_text((2.6 * len(metrics), 3.2), draw, {})
