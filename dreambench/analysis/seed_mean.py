"""Runs that differ in their seed only, taken as one: each subject's scores are the mean over the seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from dreambench.analysis.coverage import Coverage
from dreambench.analysis.run_scores import RunScores
from dreambench.errors import DreambenchError
from dreambench.spec.run_spec import differences


def seed_mean(runs: Sequence[RunScores], label: str) -> RunScores:
    """Return the runs as one with the name ``label``; images are counted over all of them.

    Subjects stay the unit of every interval and test: more seeds make each subject's score more certain, but
    they do not add subjects. Raises DreambenchError where more than the seed differs.
    """
    first = runs[0]
    for other in runs[1:]:
        wrong = [d for d in differences(first.record.spec, other.record.spec) if not d.startswith("seed: ")]
        if wrong or other.signature != first.signature:
            message = wrong[0] if wrong else f"signature: {first.signature}, not {other.signature}"
            raise DreambenchError(
                f"{first.label} and {other.label} differ in more than their seeds ({message})",
                "give runs of one spec",
            )
    return replace(
        first,
        label=label,
        subjects=_mean([run.subjects for run in runs]),
        coverage=Coverage(
            expected=_sum([run.coverage.expected for run in runs]),
            scored=_sum([run.coverage.scored for run in runs]),
        ),
    )


def _mean(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    joined = pd.concat(frames)
    return joined.groupby(level=0, sort=False).mean().reindex(frames[0].index)


def _sum(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)
