"""What a reproduction ran: its means seed by seed, its runs with their wall times, and a command for each."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd

from dreambench.analysis.run_scores import RunScores
from dreambench.literature.reproduction import (
    ALONG_TRAINING,
    COMMON_WORD,
    COMPARISON,
    TRAINED_WORDS,
    PlannedRun,
)
from dreambench.report import numbers
from dreambench.report.table import table, to_markdown
from dreambench.store import RunRecord

MEANS = {"dino": "DINO", "clip_i": "CLIP-I", "clip_t": "CLIP-T"}
Scored = Mapping[PlannedRun, RunScores]


def seed_by_seed(scored: Scored) -> list[str]:
    """Return a table of every run's means over subjects."""
    rows = [
        [f"{run.group}, {run.variant}", str(run.seed), *means(scores.subjects)]
        for run, scores in sorted(
            scored.items(), key=lambda item: (item[0].group, item[0].variant, item[0].seed)
        )
    ]
    return [to_markdown(table("", ["run", "seed", *MEANS.values()], rows))]


def means(subjects: pd.DataFrame) -> list[str]:
    """Write the means over some subjects by the metrics of ``MEANS``."""
    return [numbers.fixed(mean) for mean in subjects[list(MEANS)].mean()]


def runs_and_commands(scored: Scored, root: Path, options: Sequence[str]) -> list[str]:
    """Return the runs with their subjects, images and minutes, and a command for each of them alone."""
    lines = [
        "Wall time is that of training, drawing and scoring, without what an earlier run had made already. "
        "Runs of one queue overlap, and each counts from the queue's start: together they count once.",
        "",
        "| folder | subjects | images | minutes |",
        "| --- | ---: | ---: | ---: |",
    ]
    for run, scores in scored.items():
        minutes = scores.record.seconds / 60
        made = [str(len(scores.record.subjects)), numbers.count(scores.coverage.n_images), f"{minutes:.1f}"]
        lines.append(f"| `{run.folder(root).relative_to(root)}` | {' | '.join(made)} |")
    total = wall_seconds([scores.record for scores in scored.values()])
    lines.append(f"| in all | | | {total / 60:.1f} |")
    return [*lines, "", "Any one of them alone:", "", "```sh", *_single_commands(scored, options), "```"]


def wall_seconds(records: Sequence[RunRecord]) -> float:
    """Return the seconds in which any of the runs was at work.

    Each run is taken as one stretch of its seconds that ends with its last entry. Stretches that overlap
    count once, and the pauses between two sessions do not count.
    """
    total, latest = 0.0, float("-inf")
    ends = [(datetime.fromisoformat(record.updated).timestamp(), record.seconds) for record in records]
    for start, end in sorted((end - seconds, end) for end, seconds in ends):
        total += max(0.0, end - max(start, latest))
        latest = max(latest, end)
    return total


def _single_commands(scored: Scored, options: Sequence[str]) -> list[str]:
    commands = []
    for run in scored:
        seed = ["--seed", str(run.seed)]
        if run.group == COMPARISON:
            metrics = ["--metrics", ",".join(run.spec.protocol.metrics)]
            words = ["run", *options, "--method", run.variant, *seed, *metrics]
        elif run.group == ALONG_TRAINING:
            steps = ["--set", f"method.steps={run.spec.method.training_steps()}"]
            method = ["--method", run.spec.method.name]
            words = ["run", *options, *method, "--subjects", _names(run), *seed, *steps]
        elif run.group in (COMMON_WORD, TRAINED_WORDS):
            word = ["--set", f"identifier.text={run.spec.identifier.text}"]
            words = ["run", *options, "--subjects", _names(run), *seed, *word]
        else:
            words = ["ablate", run.group, *options, "--subjects", _names(run), *seed]
        commands.append(shlex.join(["dreambench", *words]))
    return list(dict.fromkeys(commands))  # an ablation's variants have one command


def _names(run: PlannedRun) -> str:
    subjects = run.spec.subjects
    return subjects if isinstance(subjects, str) else ",".join(subjects)
