"""The tables as CSV, for other programs: full precision, an empty field where there is no number."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from dreambench.analysis import RunScores, Summary
from dreambench.analysis.aggregate import photo_metrics
from dreambench.analysis.run_scores import all_metrics
from dreambench.spec.registries import in_table_order


def rows_csv(summary: Summary) -> str:
    """Return the headline rows: per metric the mean, both ends of the 95% interval, the paper's number."""
    head = ["method", "n_images"]
    metrics = in_table_order(name for row in summary.rows for name in row.model_extra or {})
    for metric in metrics:
        head += [metric, f"{metric}_low", f"{metric}_high", f"{metric}_paper"]
    rows: list[list[object]] = []
    for row in summary.rows:
        fields: list[object] = [row.method, row.n_images]
        for metric in metrics:
            score = row.score(metric)
            low, high = (score.ci95 if score else None) or (None, None)
            fields += [score and score.mean, low, high, score and score.paper]
        rows.append(fields)
    return _csv(head, rows)


def subjects_csv(scored: Iterable[RunScores]) -> str:
    """Return one line per run and subject: its scores, its photos' bound, its counts of images."""
    scored = list(scored)
    metrics = all_metrics(scored)
    bounds = photo_metrics(metrics)
    head = ["run", "subject", "class_noun", "n_images", "unscored", *metrics]
    rows = []
    for run in scored:
        for name, class_noun in run.record.subjects.items():
            expected, made = run.coverage.expected[name], run.coverage.scored[name]
            bound = [_number(run.photos[b].get(name)) if b in run.photos else None for b in bounds]
            scores = [_number(run.subjects[m].get(name)) if m in run.subjects else None for m in metrics]
            rows.append([run.label, name, class_noun, made, expected - made, *scores, *bound])
    return _csv([*head, *(f"real_{score}" for score in bounds)], rows)


def _number(value: object) -> float | None:
    number = float(value)  # type: ignore[arg-type]
    return None if number != number else number


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return buffer.getvalue()
