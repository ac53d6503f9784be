"""The page of a reproduction (Markdown): tables, claims, commands and wall times, all read from its runs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from dreambench.analysis.ablation_summary import summarize_ablation
from dreambench.analysis.run_scores import RunScores, read_run_scores
from dreambench.analysis.seed_mean import seed_mean
from dreambench.analysis.summarize import summary_of
from dreambench.analysis.verdicts import judge_claims
from dreambench.literature.ablations import ablation
from dreambench.literature.reproduction import COMMON_WORD, COMPARISON, PlannedRun
from dreambench.report import numbers
from dreambench.report.ablation_tables import ablation_markdown
from dreambench.report.claims_table import claims_markdown
from dreambench.report.main_table import markdown_table
from dreambench.runs.reproduce import finished_runs
from dreambench.spec.signature import MINIATURE_NOTE, is_miniature
from dreambench.store import RunRecord, open_run

Scored = Mapping[PlannedRun, RunScores]


def reproduction_page(
    planned: Sequence[PlannedRun],
    root: Path,
    rating: Mapping[str, Any] | None,
    correlation: Path | None,
    options: Sequence[str],
) -> str:
    """Return the page of the finished runs below ``root``; it names those that are not finished.

    ``rating`` is the content of the file ``correlation``; ``options`` are those of the command line that
    say which model and which data. Raises DreambenchError where no run is finished.
    """
    finished = finished_runs(planned, root)
    read = read_run_scores([open_run(run.folder(root)) for run in finished])
    scored = dict(zip(finished, read, strict=True))
    seeds = sorted({run.seed for run in planned})
    missing = [run for run in planned if run not in scored]
    parts = [
        *_head(read[0], seeds, options, correlation, missing),
        *_comparison(scored),
        *_ablations(scored),
        *_claims(read, rating),
        *_seed_by_seed(scored, seeds),
        *_runs(scored, root, options),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _head(
    run: RunScores,
    seeds: Sequence[int],
    options: Sequence[str],
    correlation: Path | None,
    missing: Sequence[PlannedRun],
) -> list[str]:
    record = run.record
    asked = ["--seeds", ",".join(map(str, seeds))]
    asked += ["--correlation", correlation.name] if correlation else []
    asked += ["--finished"] if missing else []
    commit = f", commit {record.git_commit[:7]}" if record.git_commit else ""
    on = ", ".join(f"{name} {value}" for name, value in sorted(record.machine.items()))
    lines = ["# Reproduction", ""]
    if is_miniature(run.signature):
        lines += [f"**{MINIATURE_NOTE}.**", ""]
    return [
        *lines,
        "This page was written by",
        "",
        "```sh",
        shlex.join(["dreambench", "reproduce", *options, *asked]),
        "```",
        "",
        f"with dreambench {record.dreambench}{commit}, base model `{record.spec.base.model}`, on {on}.",
        "Scores are means over subjects; with several seeds a subject's score is the mean over them, and "
        "intervals and tests are over subjects.",
        "",
        *_not_finished(missing),
    ]


def _not_finished(missing: Sequence[PlannedRun]) -> list[str]:
    if not missing:
        return []
    names = ", ".join(f"`{run.folder(Path())}`" for run in missing)
    return [f"**Not finished, and in no figure of this page: {names}.**", ""]


def _of(scored: Scored, group: str) -> dict[str, RunScores]:
    """Return a group's variants, each the mean over its seeds."""
    variants: dict[str, list[RunScores]] = {}
    for run, scores in scored.items():
        if run.group == group:
            variants.setdefault(run.variant, []).append(scores)
    return {variant: seed_mean(runs, variant) for variant, runs in variants.items()}


def _comparison(scored: Scored) -> list[str]:
    methods = list(_of(scored, COMPARISON).values())
    if not methods:
        return []
    return ["## Comparison (Table 1)", "", markdown_table(summary_of(methods))]


def _ablations(scored: Scored) -> list[str]:
    lines = []
    for name in dict.fromkeys(run.group for run in scored if run.group not in (COMPARISON, COMMON_WORD)):
        chosen, variants = ablation(name), _of(scored, name)
        notes = list(chosen.notes)
        notes += [n for run in variants.values() for n in run.record.notes if n.startswith("Class noun of")]
        summary = summarize_ablation(name, chosen.title, chosen.table, variants, notes)
        lines += [f"## {chosen.title} (Table {chosen.table})", "", ablation_markdown(summary)]
    return lines


def _claims(read: Sequence[RunScores], rating: Mapping[str, Any] | None) -> list[str]:
    told = "What each claim says, and which runs and test decide it, is in `data/claims.yaml`."
    return ["## Claims", "", told, "", claims_markdown(judge_claims(read, rating), read[0].signature)]


def _seed_by_seed(scored: Scored, seeds: Sequence[int]) -> list[str]:
    if len(seeds) < 2:
        return []
    lines = [
        "## Seed by seed",
        "",
        "| run | seed | DINO | CLIP-I | CLIP-T |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for run, scores in sorted(
        scored.items(), key=lambda item: (item[0].group, item[0].variant, item[0].seed)
    ):
        means = [numbers.fixed(float(scores.subjects[m].mean())) for m in ("dino", "clip_i", "clip_t")]
        lines.append(f"| {run.group}, {run.variant} | {run.seed} | {' | '.join(means)} |")
    return [*lines, ""]


def _runs(scored: Scored, root: Path, options: Sequence[str]) -> list[str]:
    lines = [
        "## What was run",
        "",
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

    A run is taken to have worked without a pause until its last moment: so much of it as fell into earlier
    sittings counts beside what ran at the same time, and the night between two sittings does not count.
    """
    total, latest = 0.0, float("-inf")
    ends = [(datetime.fromisoformat(record.updated).timestamp(), record.seconds) for record in records]
    for start, end in sorted((end - seconds, end) for end, seconds in ends):
        total += max(0.0, end - max(start, latest))
        latest = max(latest, end)
    return total


def _single_commands(scored: Scored, options: Sequence[str]) -> list[str]:
    commands: dict[str, None] = {}
    for run in scored:
        seed = ["--seed", str(run.seed)]
        if run.group == COMPARISON:
            metrics = ["--metrics", ",".join(run.spec.protocol.metrics)]
            words = ["run", *options, "--method", run.variant, *seed, *metrics]
        elif run.group == COMMON_WORD:
            word = ["--set", f"identifier.text={run.spec.identifier.text}"]
            words = ["run", *options, "--subjects", _names(run), *seed, *word]
        else:
            words = ["ablate", run.group, *options, "--subjects", _names(run), *seed]
        commands[shlex.join(["dreambench", *words])] = None
    return list(commands)


def _names(run: PlannedRun) -> str:
    subjects = run.spec.subjects
    return subjects if isinstance(subjects, str) else ",".join(subjects)
