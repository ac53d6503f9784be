"""Runs that differ only in their seed, as one run: each subject's scores are the mean over the seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from dreambench.analysis.coverage import Coverage
from dreambench.analysis.run_scores import RunScores
from dreambench.spec.run_spec import differences, refuse_differences
from dreambench.spec.signature import signature_differences


def seed_mean(runs: Sequence[RunScores], label: str) -> RunScores:
    """Return the runs as one run named ``label``; images are counted over all of them.

    Subjects remain the unit of every interval and test: more seeds make each subject's score more certain,
    but do not add subjects. Raises DreambenchError where more than the seed differs.
    """
    first = runs[0]
    refuse_other_specs(runs, "give runs of one spec")
    subjects = pd.concat([run.subjects for run in runs])
    return replace(
        first,
        label=label,
        subjects=subjects.groupby(level=0, sort=False).mean(),
        coverage=Coverage(
            expected=_sum([run.coverage.expected for run in runs]),
            scored=_sum([run.coverage.scored for run in runs]),
        ),
    )


def refuse_other_specs(runs: Sequence[RunScores], remedy: str) -> None:
    """Raise DreambenchError if two runs differ in more than their seed; it names three of the fields."""
    first = runs[0]
    for other in runs[1:]:
        message = f"{first.folder.path} and {other.folder.path} differ in more than their seeds"
        refuse_differences(message, _differences(first, other), remedy, lead="")


def _differences(first: RunScores, other: RunScores) -> list[str]:
    """Return in what two runs differ, other than their seed: fields of the signature, then of the spec."""
    left, right = first.record, other.record
    fields = signature_differences(first.signature, other.signature)
    if left.kind != right.kind:
        fields.append(f"kind: {left.kind}, not {right.kind}")
    spec = right.spec.evolve(seed=left.spec.seed)
    fields += [field for field in differences(left.spec, spec) if field not in fields]
    if not fields and spec.key != left.spec.key:
        fields.append("protocol: its metrics or prior_images")
    return fields


def with_seeds_joined(scored: Sequence[RunScores]) -> list[RunScores]:
    """Return the runs, merging those that differ only in their seed, in the order of each first run.

    A mean over seeds is named after its method, with the seeds listed. Images made elsewhere have no seed
    of ours, and a copy of a run is not another seed: these stay as they are.
    """
    groups: dict[tuple[str, str, str], list[RunScores]] = {}
    for run in scored:
        same = run.record.spec.evolve(seed=0).key if run.record.kind == "run" else run.label
        groups.setdefault((run.record.kind, run.signature, same), []).append(run)
    labels = _labels([runs for runs in groups.values() if len(_seeds(runs)) == len(runs) > 1])
    shown: list[RunScores] = []
    for first, *others in groups.values():
        label = labels.get(first.label)
        shown += [first, *others] if label is None else [seed_mean([first, *others], label)]
    return shown


def _labels(groups: Sequence[Sequence[RunScores]]) -> Mapping[str, str]:
    """Return each group's name by its first run's label; groups of one method name the fields that differ."""
    named = {}
    for runs in groups:
        spec = runs[0].record.spec
        twins = [
            g[0].record.spec
            for g in groups
            if g is not runs and g[0].record.spec.method.name == spec.method.name
        ]
        fields = [f.rpartition(", not ")[0] for f in (differences(spec, twins[0]) if twins else [])]
        own = f" ({', '.join(f for f in fields if not f.startswith('seed: '))[:80]})" if fields else ""
        seeds = ", ".join(map(str, sorted(_seeds(runs))))
        named[runs[0].label] = f"{spec.method.name}{own}, mean of seeds {seeds}"
    return named


def _seeds(runs: Sequence[RunScores]) -> set[int]:
    return {run.record.spec.seed for run in runs}


def _sum(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    return {name: sum(each[name] for each in counts) for name in counts[0]}
