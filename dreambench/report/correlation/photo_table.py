"""How well metrics tell the subjects of a class apart, as a table: a column per class."""

from __future__ import annotations

from dreambench.report import numbers
from dreambench.report.correlation.correlation_tables import metric_title
from dreambench.report.table import Table, TableCell, table
from dreambench.runs.tell_apart import TellingApart


def photo_table(found: TellingApart) -> Table:
    """Lay out each metric's chance of telling apart, over all classes and in each."""
    classes = list(found.metrics[0].classes)
    rows: list[list[str | TableCell]] = [
        [
            metric_title(each.metric),
            TableCell(numbers.fixed(each.auc), numbers.interval(each.ci95)),
            *(numbers.fixed(each.classes[noun]) for noun in classes),
        ]
        for each in found.metrics
    ]
    note = (
        "The chance that two photos of one subject score higher than two photos of different subjects of its "
        "class (0.5 is chance, 1 is always), the mean over classes; in brackets the 95% interval over them. "
        f"{found.photos} photos of {found.subjects} subjects, {numbers.count(found.pairs)} pairs."
    )
    return table("Telling subjects of a class apart", ["Metric", "AUC", *classes], rows, note)
