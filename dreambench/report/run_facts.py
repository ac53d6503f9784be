"""What the page says about a run besides its numbers: how it was done, how far it got, its notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from dreambench.analysis import RunScores
from dreambench.errors import listed
from dreambench.report import numbers

#: Subjects that a line names.
LISTED = 12


@dataclass(frozen=True)
class RunFacts:
    """A run in words: ``facts`` are label and value, ``missing`` is empty for a complete run."""

    label: str
    status: str
    facts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    missing: tuple[str, ...]


def run_facts(run: RunScores) -> RunFacts:
    """Describe a run."""
    record = run.record
    status = "in progress or killed" if record.status == "started" else record.status
    return RunFacts(run.label, status, _facts(run), tuple(record.notes), _missing(run))


def notes_of(facts: Sequence[RunFacts]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return the runs' notes as (whose, lines), the same ones only once; ``whose`` is empty for all runs'."""
    labels: dict[tuple[str, ...], list[str]] = {}
    for run in facts:
        labels.setdefault(run.notes, []).append(run.label)
    return [
        (() if len(whose) == len(facts) else tuple(whose), notes) for notes, whose in labels.items() if notes
    ]


def _facts(run: RunScores) -> tuple[tuple[str, str], ...]:
    record, spec, protocol = run.record, run.record.spec, run.record.spec.protocol
    if record.kind == "score":
        how = [("Images", "made elsewhere, scored here")]
    else:
        sampler = spec.sampler
        how = [
            ("Method", spec.method.name),
            ("Base model", without_folders(spec.base.model)),
            ("Sampler", f"{sampler.scheduler}, {sampler.steps} steps, guidance {sampler.guidance_scale:g}"),
            ("Identifier", record.identifier or spec.identifier.text or ""),
            ("Seed", str(spec.seed)),
        ]
    prompts = "all prompts" if spec.prompts == "all" else f"prompts {spec.prompts}"
    images = f"{numbers.plural(spec.images_per_prompt, 'image')} each"
    facts = [
        ("Preset", spec.preset),
        *how,
        ("Photos", spec.data.label or "unknown"),
        ("Asked for", f"{numbers.plural(len(record.subjects), 'subject')}, {prompts}, {images}"),
        ("Protocol", f"{protocol.clip.model}, {protocol.dino.model}, LPIPS {protocol.lpips.net}"),
        ("dreambench", f"{record.dreambench}{f' at {record.git_commit[:7]}' if record.git_commit else ''}"),
        ("Updated", record.updated),
    ]
    return tuple((name, value) for name, value in facts if value)


def without_folders(path: str) -> str:
    """Return only the name of an absolute path: the rest means nothing on another machine."""
    return PurePath(path).name if PurePath(path).is_absolute() else path


def _missing(run: RunScores) -> tuple[str, ...]:
    coverage = run.coverage
    if run.record.status == "complete" and not coverage.unscored:
        return ()
    total = coverage.n_images + coverage.unscored
    lines = [f"{numbers.count(coverage.n_images)} of {numbers.plural(total, 'image')} are scored."]
    if run.record.status == "started":
        done = len(run.record.subjects) - len(coverage.absent) - len(coverage.incomplete)
        subjects = numbers.plural(len(run.record.subjects), "subject")
        lines[0] = f"{done} of {subjects} done, {lines[0]} Reload the page to see what has been added."
    if coverage.absent:
        lines.append(f"No scored image yet: {listed(coverage.absent, LISTED)}.")
    if coverage.incomplete:
        parts = [f"{name} ({numbers.count(left)} missing)" for name, left in coverage.incomplete.items()]
        lines.append(f"Partly scored: {listed(parts, LISTED)}.")
    if run.record.error:
        lines.append(f"It stopped with: {run.record.error}")
    return tuple(lines)
