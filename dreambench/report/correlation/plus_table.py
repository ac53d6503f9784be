"""DreamBench++'s agreement as tables: one per question, a row per method."""

from __future__ import annotations

from dreambench.human.dreambench_plus import PlusAgreement
from dreambench.report import numbers
from dreambench.report.table import Table, table

NOTE = (
    "Raters, and judge: Krippendorff's alpha for interval values, of the groups of raters among themselves, "
    "and of the GPT judge with each group, averaged. Metrics: Pearson's r with each group, averaged. "
    "Missing: images that not every group rated."
)


def plus_tables(found: PlusAgreement) -> list[Table]:
    """Lay out each question's methods."""
    laid = []
    for question in dict.fromkeys(row.question for row in found.rows):
        own = [row for row in found.rows if row.question == question]
        metrics = list(dict.fromkeys(name for row in own for name in row.metrics))
        head = ["Method", "Images", "Missing", "Raters, alpha", "Judge, alpha", *(f"{m}, r" for m in metrics)]
        rows = [
            [
                each.method,
                numbers.count(each.n),
                numbers.count(each.missing),
                numbers.fixed(each.raters),
                numbers.fixed(each.judge),
                *(numbers.fixed(each.metrics.get(m)) for m in metrics),
            ]
            for each in own
        ]
        laid.append(table(question.capitalize(), head, rows, NOTE))
    return laid
