"""The ranking of metrics and judges: what follows from it in sentences, its tables, its files."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group
from rich.text import Text

from dreambench.analysis.paired import RESAMPLES, SEED
from dreambench.human.correlation.ranking import (
    SPEARMAN_RESAMPLES,
    RankedPair,
    RankedScorer,
    Rankings,
    TaskRanking,
)
from dreambench.report import numbers
from dreambench.report.html import render_tables
from dreambench.report.table import (
    Table,
    TableCell,
    TableRow,
    markdown_document,
    row,
    table,
    to_csv,
    to_terminal,
)
from dreambench.spec.registries import get_metric
from dreambench.store.files import write_json, write_text

TITLE = "Which scores follow people"
HEAD = (
    "Scorer", "Kind", "n", "Missing", "Guessed", "Pearson", "Without guesses", "Spearman", "Minus DINO",
    "p, Holm",
)  # fmt: skip
_COLUMNS = (
    "task", "scorer", "kind", "n", "missing", "guessed", "pearson", "low", "high", "without_guesses",
    "spearman", "spearman_low", "spearman_high", "minus_dino", "minus_dino_low", "minus_dino_high", "p_holm",
)  # fmt: skip


def write_ranking(found: Rankings, out: Path) -> Path:
    """Write ``ranking.html``, ``.md``, ``.csv`` and ``.json`` into the folder ``out``; return the page.

    Raises DreambenchError where ``out`` cannot be written.
    """
    tables, facts = ranking_tables(found), ranking_facts(found)
    write_json(out / "ranking.json", found)
    write_text(out / "ranking.csv", ranking_csv(found))
    write_text(out / "ranking.md", markdown_document(TITLE, facts, tables))
    page = out / "ranking.html"
    write_text(page, render_tables(TITLE, found.source, facts, tables))
    return page


def ranking_terminal(found: Rankings) -> Group:
    """Return the sentences and the tables, to be printed with ``rich``."""
    parts: list[object] = [Text(fact) for fact in ranking_facts(found)]
    for content in ranking_tables(found):
        parts += [Text(), to_terminal(content)]
    return Group(*parts)  # type: ignore[arg-type]


def ranking_tables(found: Rankings) -> list[Table]:
    """Lay out one table per task, the best scorer first."""
    return [_task_table(task) for task in found.tasks]


def ranking_facts(found: Rankings) -> list[str]:
    """Return what follows: where DINO follows people better than CLIP-I, and what was counted."""
    lines = [f"{task.note}." for task in found.tasks if task.note]
    for task in found.tasks:
        best, agreed = task.scorers[0], numbers.fixed(task.agreement.alpha)
        rated = f"{numbers.plural(task.images, 'image')} of {numbers.plural(task.methods, 'method')}"
        lines.append(
            f"{task.title}: {rated}; {scorer_title(best)} follows the raters best "
            f"({numbers.fixed(best.pearson.r)}); one rater follows the others with "
            f"{numbers.fixed(task.ceiling.pearson)}; the raters' alpha is {agreed}."
        )
    return [*lines, *(f"{note}." for note in found.notes)]


def scorer_title(each: RankedScorer) -> str:
    """Return the name of a metric as tables have it, or a judge's own."""
    return get_metric(each.scorer).title if each.kind == "metric" else each.scorer


def _task_table(task: TaskRanking) -> Table:
    pairs = {pair.second: pair for pair in task.pairs}
    rows = [_row(each, pairs.get(each.scorer)) for each in task.scorers]
    note = (
        "Correlation with the mean of the raters' semantic consistency, over the images that a scorer has "
        f"scored. In brackets the 95% interval by the bootstrap over samples ({RESAMPLES:,} resamples, seed "
        f"{SEED}; Spearman {SPEARMAN_RESAMPLES:,}). Missing: rated images without its score, left out. "
        "Guessed: scores that the judge's authors drew at random because a reply could not be read; they are "
        "in the published coefficient; the column beside it leaves them out. Minus DINO: over the images "
        "that both scored, with p of the paired bootstrap after Holm's correction. A judge's scale (0 to 10) "
        "differs from the raters' (0, 0.5 and 1), so Krippendorff's alpha applies to the raters only."
    )
    return table(task.title, HEAD, rows, note, words=2)


def _row(each: RankedScorer, pair: RankedPair | None) -> TableRow:
    cells: list[str | TableCell] = [
        scorer_title(each),
        each.kind,
        numbers.count(each.n),
        numbers.count(each.missing),
        numbers.count(each.guessed),
        TableCell(numbers.fixed(each.pearson.r), numbers.interval(each.pearson.ci95_bootstrap)),
        numbers.fixed(each.without_guesses) if each.guessed else "",
        TableCell(numbers.fixed(each.spearman.r), numbers.interval(each.spearman.ci95_bootstrap)),
        "" if pair is None else TableCell(numbers.signed(-pair.difference), _turned(pair)),
        "" if pair is None else numbers.p_value(pair.p_holm),
    ]
    return row(cells)


def _turned(pair: RankedPair) -> str:
    return numbers.signed_interval(None if pair.ci95 is None else (-pair.ci95[1], -pair.ci95[0]))


def ranking_csv(found: Rankings) -> str:
    """Return every task's scorers in full precision."""
    lines: list[list[object]] = []
    for task in found.tasks:
        pairs = {pair.second: pair for pair in task.pairs}
        for each in task.scorers:
            pair = pairs.get(each.scorer)
            low, high = (pair and pair.ci95) or (None, None)
            own, ranks = each.pearson.ci95_bootstrap, each.spearman.ci95_bootstrap
            fields = [task.task, each.scorer, each.kind, each.n, each.missing, each.guessed, each.pearson.r]
            fields += [*(own or (None, None)), each.without_guesses]
            fields += [each.spearman.r, *(ranks or (None, None))]
            difference = None if pair is None else pair.difference
            turned = [None if value is None else -value for value in (difference, high, low)]
            lines.append([*fields, *turned, pair and pair.p_holm])
    return to_csv(_COLUMNS, lines)
