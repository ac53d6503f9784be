"""The tables of a correlation analysis as text, cell by cell: the one source of every format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dreambench.analysis.paired import LEAST, RESAMPLES, SEED
from dreambench.human.correlation import Correlations, Scope
from dreambench.human.correlation.raters import ALPHA_RESAMPLES
from dreambench.human.correlation.resampling import KENDALL_RESAMPLES
from dreambench.human.correlation.results import Coefficient, Preference, Unit
from dreambench.human.preference_table import HEAD, paper_row, preference_rows
from dreambench.human.preferences import LEAST_SUBJECTS
from dreambench.report import numbers
from dreambench.report.table import Table, table
from dreambench.spec.registries import get_metric

HUMANS = {
    "sc": "semantic consistency",
    "pq": "perceptual quality",
    "o": "overall",
    "subject": "subject fidelity",
    "prompt": "prompt fidelity",
}


def correlation_tables(found: Correlations) -> list[Table]:
    """Lay out an analysis; a table without rows is left out."""
    laid = [
        _correlations("All methods pooled", found, found.paper, found.resampled),
        _paired(found),
        _agreement(found),
        *(_correlations(name, scope, {}, found.resampled) for name, scope in found.methods.items()),
        user_preference(found.preferences, found.paper_preferences),
        _strengths(found),
    ]
    return [each for each in laid if each.rows]


def facts(found: Correlations) -> list[str]:
    """Return what an analysis covers, in sentences: its data, its images, what was left out, its rules."""
    lines = [f"{found.source}: {numbers.plural(found.n, 'image')} correlated, {found.left_out:,} left out."]
    lines += [f"Left out: {reason} ({numbers.count(n)})." for reason, n in found.left_out_by.items()]
    return [*lines, *(f"Note: {note}." for note in found.notes)]


def human_title(human: str) -> str:
    """Return a human score's name."""
    return HUMANS.get(human, human)


def _correlations(title: str, scope: Scope, paper: dict[str, float], unit: Unit) -> Table:
    head = ["Human score", "Metric", "n", "Pearson", "Fisher z", "bootstrap", "p", "Spearman", "Kendall"]
    if paper:
        head.append("paper's Pearson")
    rows = []
    for row in scope.rows:
        cells = [human_title(row.human), get_metric(row.metric).title, numbers.count(row.n)]
        cells += [numbers.fixed(row.pearson.r), numbers.interval(row.pearson.ci95)]
        cells += [numbers.interval(row.pearson.ci95_bootstrap), numbers.p_value(row.pearson.p)]
        cells += [_with_interval(row.spearman), _with_interval(row.kendall)]
        # The paper's raters judged subject fidelity, on its own images.
        quoted = paper.get(row.metric) if row.human in ("sc", "subject") else None
        rows.append([*cells, *([numbers.fixed(quoted)] if paper else [])])
    note = (
        f"95% intervals: of Pearson by Fisher's z and by the bootstrap over {unit}s ({RESAMPLES:,} "
        f"resamples, seed {SEED}), of Spearman and Kendall by the bootstrap (Kendall: the first "
        f"{KENDALL_RESAMPLES:,}). p is two-sided and, like Fisher's z, treats the images as independent."
    )
    return table(f"Correlation with human judgment: {title}", head, rows, note, words=2)


def _with_interval(found: Coefficient) -> str:
    return f"{numbers.fixed(found.r)} {numbers.interval(found.ci95_bootstrap)}".strip()


def scopes(found: Correlations) -> Iterator[tuple[str, Scope]]:
    """Yield all methods pooled, then each method."""
    yield "pooled", found
    yield from found.methods.items()


def _paired(found: Correlations) -> Table:
    rows = []
    for name, scope in scopes(found):
        for test in scope.paired:
            cells = [name, human_title(test.human), numbers.count(test.n), numbers.signed(test.difference)]
            cells += [numbers.interval(test.ci95_bootstrap), numbers.p_value(test.p_bootstrap)]
            cells += [_statistic(test.steiger_z), numbers.p_value(test.steiger_p)]
            cells += [_statistic(test.williams_t), numbers.p_value(test.williams_p)]
            rows.append(cells)
    head = ("Images", "Human score", "n", "difference", "bootstrap", "p", "Steiger z", "p", "Williams t", "p")
    note = (
        "Difference of the Pearson correlations. Every p is one-sided (DINO is better); that of the "
        "bootstrap is the share of resamples in which it is not, and alone allows for dependent images."
    )
    return table("Does DINO follow the raters better than CLIP-I?", head, rows, note, words=2)


def _statistic(value: float | None) -> str:
    return numbers.ABSENT if value is None else f"{value:.2f}".replace("-", numbers.MINUS)


def _agreement(found: Correlations) -> Table:
    rows = []
    for name, scope in scopes(found):
        bounds = {bound.human: bound for bound in scope.upper_bound}
        for agreed in scope.agreement:
            bound = bounds.get(agreed.human)
            cells = [name, human_title(agreed.human), numbers.count(agreed.n), numbers.count(agreed.raters)]
            cells += [numbers.fixed(agreed.alpha), numbers.interval(agreed.ci95)]
            if bound:
                cells += [numbers.count(bound.n), numbers.fixed(bound.pearson)]
                cells += [numbers.interval(bound.pearson_ci95_bootstrap)]
                cells += [numbers.fixed(bound.spearman), numbers.fixed(bound.kendall)]
            else:
                cells += ["0", numbers.ABSENT, "", numbers.ABSENT, numbers.ABSENT]
            rows.append(cells)
    head = ("Images", "Human score", "n", "raters", "alpha", "bootstrap", "n scored", "Pearson", "bootstrap")
    note = (
        "Krippendorff's alpha for ordinal values over all judged images "
        f"({ALPHA_RESAMPLES:,} resamples), and one rater against the mean of the others (the mean over "
        "raters) over the scored images. A metric is compared with the mean of all raters, which is less "
        "noisy than one rater, so a metric above this bound is not necessarily better than people."
    )
    return table("How far the raters agree", (*head, "Spearman", "Kendall"), rows, note, words=2)


def user_preference(preferences: Sequence[Preference], paper: Mapping[str, Mapping[str, float]]) -> Table:
    """Return which of two methods the raters prefer, with the paper's rows (``paper``, by study) below."""
    rows = preference_rows(preferences)
    studies = {row.study for row in preferences}
    rows += [paper_row(study, values) for study, values in paper.items() if study in studies]
    note = (
        "Shares of pairs by majority vote (a tie is undecided) with Wilson's 95% interval; the win rate is "
        "A's share of all answers, where undecided counts as half a win, with the bootstrap interval over "
        f"subjects (with fewer than {LEAST_SUBJECTS}, over samples). The paper's rows come from its own "
        "images and raters."
    )
    return table("User preference (Table 2)", HEAD, rows, note, words=3)


def _strengths(found: Correlations) -> Table:
    rows = [
        (human_title(row.study), row.method, numbers.fixed(row.strength), numbers.interval(row.ci95))
        for row in found.strengths
    ]
    note = (
        "Log odds; a difference of 1 is a win rate of 73%. Intervals allow for correlated answers about the "
        f"same subject (with fewer than {LEAST} subjects, the same sample). A dash: the method won or lost "
        "every comparison, so no finite fit exists."
    )
    return table("Bradley-Terry strengths", ("Study", "Method", "strength", "95% interval"), rows, note, 2)
