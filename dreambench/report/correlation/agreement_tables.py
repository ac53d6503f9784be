"""Tables of DreamBench++'s agreement, and of how well metrics tell the subjects of a class apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dreambench.report import numbers
from dreambench.report.table import Table, TableCell, table
from dreambench.spec.registries import get_metric

if TYPE_CHECKING:
    from dreambench.human.dreambench_plus import PlusAgreement
    from dreambench.runs.tell_apart import TellingApart

PLUS_NOTE = (
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
        laid.append(table(question.capitalize(), head, rows, PLUS_NOTE))
    return laid


def photo_table(found: TellingApart) -> Table:
    """Lay out each metric's chance of telling apart, over all classes and in each."""
    classes = list(found.metrics[0].classes)
    rows: list[list[str | TableCell]] = [
        [
            get_metric(each.metric).title,
            TableCell(numbers.fixed(each.auc), numbers.interval(each.ci95)),
            *(numbers.fixed(each.classes[noun]) for noun in classes),
        ]
        for each in found.metrics
    ]
    note = (
        "The chance that two photos of a subject are more alike than one of them and one of another subject "
        "of its class (0.5 is chance, 1 is always): the mean over a class's subjects, then over classes, in "
        "brackets the 95% interval over these. "
        f"{found.photos} photos of {found.subjects} subjects, {numbers.count(found.pairs)} pairs."
    )
    return table("Telling subjects of a class apart", ["Metric", "AUC", *classes], rows, note)
