"""The page of a reproduction (Markdown), read from its runs: verdicts, a figure, then the tables."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dreambench.analysis.ablation_summary import summarize_ablation
from dreambench.analysis.run_scores import RunScores, read_run_scores
from dreambench.analysis.seed_mean import seed_mean
from dreambench.analysis.summarize import summary_of
from dreambench.analysis.verdicts import ClaimVerdict, judge_claims
from dreambench.literature.ablations import ablation
from dreambench.literature.reproduction import (
    ALONG_TRAINING,
    COMMON_WORD,
    COMPARISON,
    SINGLE,
    TRAINED_WORDS,
    PlannedRun,
)
from dreambench.report import numbers
from dreambench.report.ablation_tables import ablation_markdown
from dreambench.report.claims_table import claims_markdown, verdicts_markdown
from dreambench.report.csv_tables import subjects_csv
from dreambench.report.main_table import markdown_table
from dreambench.report.reproduction_figures import Points, draw_effects, draw_training, training_points
from dreambench.report.reproduction_log import MEANS, Scored, means, runs_and_commands, seed_by_seed
from dreambench.report.table import table, to_markdown
from dreambench.runs.reproduce import finished_runs
from dreambench.spec.signature import MINIATURE_NOTE, is_miniature
from dreambench.store import open_run
from dreambench.store.files import write_text

_EXPERIMENTS = (TRAINED_WORDS, ALONG_TRAINING)


def write_reproduction(
    file: Path,
    planned: Sequence[PlannedRun],
    root: Path,
    rating: Mapping[str, Any] | None,
    correlation: Path | None,
    options: Sequence[str],
    notes: Path | None = None,
    remarks: str = "",
) -> None:
    """Write the page of the finished runs below ``root``, and beside it two figures and a CSV file.

    These are named after the page: ``-effects.svg``, ``-training.svg`` (where there are such runs) and
    ``-subjects.csv`` (each run's scores by subject). ``rating`` is the content of the file ``correlation``;
    ``options`` are those of the command line that say which model and which data; ``notes`` is a Markdown
    file, and ``remarks`` its content, which goes below the verdicts. The page names the runs that are not
    finished. Raises DreambenchError where none is.
    """
    finished = finished_runs(planned, root)
    read = read_run_scores([open_run(run.folder(root)) for run in finished])
    scored = dict(zip(finished, read, strict=True))
    decisive = [scores for run, scores in scored.items() if run.group not in _EXPERIMENTS]
    answers = judge_claims(decisive, rating)
    missing = [run for run in planned if run not in scored]
    points = training_points(scores for run, scores in scored.items() if run.group == ALONG_TRAINING)
    command = _command(planned, options, correlation, notes, bool(missing))
    parts = [
        *_head(read[0], scored, answers, missing, file.stem),
        *([remarks.strip(), ""] if remarks else []),
        *(_along_training(points, scored, file.stem) if points else []),
        *_folded("Comparison (Table 1)", _comparison(scored)),
        *_ablations(scored),
        *_folded("Identifiers: a rare token and words (section 3.2)", _words(scored)),
        *_folded("Every test", [claims_markdown(answers, read[0].signature)]),
        *_folded("Seed by seed", seed_by_seed(scored)),
        *_folded(
            "How this page was made", [*_made_by(read[0], command), *runs_and_commands(scored, root, options)]
        ),
    ]
    draw_effects(answers, file.with_name(f"{file.stem}-effects.svg"))
    if points:
        draw_training(points, file.with_name(f"{file.stem}-training.svg"))
    write_text(file.with_name(f"{file.stem}-subjects.csv"), subjects_csv(read))
    write_text(file, "\n".join(parts).rstrip() + "\n")


def _command(
    planned: Sequence[PlannedRun],
    options: Sequence[str],
    correlation: Path | None,
    notes: Path | None,
    unfinished: bool,
) -> str:
    asked = ["--seeds", ",".join(map(str, sorted({run.seed for run in planned})))]
    asked += ["--correlation", correlation.name] if correlation else []
    asked += ["--notes", str(notes)] if notes else []
    asked += ["--finished"] if unfinished else []
    return shlex.join(["dreambench", "reproduce", *options, *asked])


def _head(
    run: RunScores, scored: Scored, answers: Sequence[ClaimVerdict], missing: Sequence[PlannedRun], stem: str
) -> list[str]:
    miniature = is_miniature(run.signature)
    lines = ["# Reproduction", ""]
    lines += [f"**{MINIATURE_NOTE}.**", ""] if miniature else []
    lines += [_findings(scored, answers, miniature), ""]
    if missing:
        unfinished = numbers.plural(len(missing), "run")
        lines += [f"**{unfinished} not finished, and in no figure of this page.**", ""]
        lines += _folded("Not finished", [", ".join(f"`{each.folder(Path())}`" for each in missing)])
    alt = "Effect of every claim with its 95% interval"
    return [*lines, verdicts_markdown(answers), f"![{alt}]({stem}-effects.svg)", ""]


def _findings(scored: Scored, answers: Sequence[ClaimVerdict], miniature: bool) -> str:
    """Return what was found, in a paragraph."""
    ours = [answer for answer in answers if answer.decided_by.startswith("runs")]
    counts = {v: sum(a.verdict == v for a in ours) for v in ("holds", "fails", "undecided")}
    images = sum(scores.coverage.n_images for scores in scored.values())
    seeds = len({run.seed for run in scored})
    held, failed = counts["holds"], counts["fails"]
    sentences = [
        f"{len(scored)} runs, {numbers.count(images)} images, {numbers.plural(seeds, 'seed')}.",
        f"Of the {len(ours)} statements of the paper that runs can decide, {held} "
        f"{'holds' if held == 1 else 'hold'} here, {failed} {'fails' if failed == 1 else 'fail'}, and "
        f"{counts['undecided']} stay undecided.",
        f"Photos or public data decide the other {len(answers) - len(ours)}; the runs say nothing of those.",
    ]
    if miniature:
        sentences.append(
            "The paper's effects are of another model and other photos: compare signs, not sizes."
        )
    return " ".join(sentences)


def _of(scored: Scored, group: str) -> dict[str, RunScores]:
    """Return a group's variants, each the mean over its seeds."""
    variants: dict[str, list[RunScores]] = {}
    for run, scores in scored.items():
        if run.group == group:
            variants.setdefault(run.variant, []).append(scores)
    return {variant: seed_mean(runs, variant) for variant, runs in variants.items()}


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    """Return a section that a reader opens; ``markdown`` is for sites that do not read it inside of HTML."""
    if not lines:
        return []
    return [f'<details markdown="1"><summary>{title}</summary>', "", *lines, "", "</details>", ""]


def _comparison(scored: Scored) -> list[str]:
    methods = list(_of(scored, COMPARISON).values())
    return [markdown_table(summary_of(methods))] if methods else []


def _ablations(scored: Scored) -> list[str]:
    lines = []
    for name in dict.fromkeys(run.group for run in scored if run.group not in SINGLE):
        chosen, variants = ablation(name), _of(scored, name)
        text = ablation_markdown(summarize_ablation(chosen, variants), by_subject=False)
        lines += _folded(f"{chosen.title} (Table {chosen.table})", [text])
    return lines


def _words(scored: Scored) -> list[str]:
    """Return the scores by identifier, all on the subjects and the first seed of the experiment."""
    words = {run.spec.identifier.text: s for run, s in scored.items() if run.group == TRAINED_WORDS}
    if not words:
        return []
    seed = next(run.seed for run in scored if run.group == TRAINED_WORDS)
    common = {
        r.spec.identifier.text: s for r, s in scored.items() if (r.group, r.seed) == (COMMON_WORD, seed)
    }
    rare = {
        str(s.record.identifier): s
        for r, s in scored.items()
        if (r.group, r.variant, r.seed) == (COMPARISON, "dreambooth", seed)
    }
    subjects = list(next(iter(words.values())).record.subjects)
    lines = [f"{len(subjects)} subjects, seed {seed}.", ""]
    lines += [f"| identifier | {' | '.join(MEANS.values())} |", "| --- | ---: | ---: | ---: |"]
    for kind, found in (("rare token", rare), ("word", common), ("word", words)):
        for text, scores in found.items():
            lines.append(f"| `{text}` ({kind}) | {' | '.join(means(scores.subjects.reindex(subjects)))} |")
    return lines


def _along_training(points: Points, scored: Scored, stem: str) -> list[str]:
    run = next(run for run in scored if run.group == ALONG_TRAINING)
    lines = [
        "## Along training",
        "",
        "Each method stopped at several steps: DINO (is it the subject?) and CLIP-T (is it the prompt?), "
        f"means over {len(scored[run].record.subjects)} subjects, seed {run.seed}.",
        "",
        f"![DINO and CLIP-T along training]({stem}-training.svg)",
        "",
    ]
    rows = [
        [method, str(steps), numbers.fixed(dino), numbers.fixed(clip_t)]
        for method, found in points.items()
        for steps, dino, clip_t in found
    ]
    figures = to_markdown(table("", ["method", "steps", "DINO", "CLIP-T"], rows)).rstrip()
    return [*lines, *_folded("The figures", [figures])]


def _made_by(run: RunScores, command: str) -> list[str]:
    record = run.record
    commit = f", commit {record.git_commit[:7]}" if record.git_commit else ""
    on = ", ".join(f"{name} {value}" for name, value in sorted(record.machine.items()))
    return [
        "```sh",
        command,
        "```",
        "",
        f"with dreambench {record.dreambench}{commit}, base model `{record.spec.base.model}`, on {on}. "
        "Scores are means over subjects; with several seeds a subject's score is the mean over them, and "
        "intervals and tests are over subjects.",
        "",
    ]
