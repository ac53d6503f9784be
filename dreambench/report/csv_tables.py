"""The tables as CSV, for other programs: full precision, an empty field where there is no number."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from dreambench.analysis import RunScores, Summary
from dreambench.analysis.aggregate import PHOTO_SCORES
from dreambench.spec.run_spec import METRICS


def rows_csv(summary: Summary) -> str:
    """Return the headline rows: per metric the mean, both ends of the 95% interval, the paper's number."""
    head = ["method", "n_images"]
    for metric in METRICS:
        head += [metric, f"{metric}_low", f"{metric}_high", f"{metric}_paper"]
    rows: list[list[object]] = []
    for row in summary.rows:
        fields: list[object] = [row.method, row.n_images]
        for metric in METRICS:
            score = row.score(metric)
            low, high = (score.ci95 if score else None) or (None, None)
            fields += [score and score.mean, low, high, score and score.paper]
        rows.append(fields)
    return _csv(head, rows)


def subjects_csv(scored: Iterable[RunScores]) -> str:
    """Return one line per run and subject: its scores, its photos' bound, its counts of images."""
    head = ["run", "subject", "class_noun", "n_images", "unscored", *METRICS]
    rows = []
    for run in scored:
        for name, class_noun in run.record.subjects.items():
            expected, made = run.coverage.expected[name], run.coverage.scored[name]
            bound = [_number(run.photos.at[name, score]) for score in PHOTO_SCORES]
            scores = [_number(run.subjects.at[name, metric]) for metric in METRICS]
            rows.append([run.label, name, class_noun, made, expected - made, *scores, *bound])
    return _csv([*head, *(f"real_{score}" for score in PHOTO_SCORES)], rows)


def _number(value: object) -> float | None:
    number = float(value)  # type: ignore[arg-type]
    return None if number != number else number


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return buffer.getvalue()
