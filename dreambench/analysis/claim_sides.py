"""The two sides of a claim: the runs of each side, and one score per subject over those runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from dreambench.analysis.run_scores import RunScores
from dreambench.errors import DreambenchError
from dreambench.literature.claims import PHOTOS, Claim, Claims, fits
from dreambench.literature.reproduction import paper_reproduction
from dreambench.spec.run_spec import differences

# What may differ within a side: the seed, and the subset of subjects and prompts. (Metrics belong to the
# protocol, which is compared by its signature.)
_FREE = ("seed", "subjects", "prompts")
COMMON_WORD_MARK = "<common word>"


def runs_of(name: str | None, known: Claims, runs: Sequence[RunScores]) -> list[RunScores]:
    """Return the runs that meet a side's conditions: runs of dreambench, never images made elsewhere.

    The real photos (``PHOTOS``) are those of any run. Raises DreambenchError naming the field where two
    runs of the side differ in anything but seed, subjects and prompts: pooling them would mix settings.
    """
    if name is None or name == PHOTOS:
        return list(runs)
    found = [run for run in runs if run.record.kind == "run" and _meets(run, known.runs[name])]
    for other in found[1:]:
        fields = differences(found[0].record.spec, other.record.spec)
        wrong = [field for field in fields if field.split(": ")[0] not in _FREE]
        if wrong:
            both = f"{found[0].folder.path} and {other.folder.path}"
            raise DreambenchError(
                f"{both} both count as {name} but differ in {wrong[0]}",
                "judge runs of one setting at a time: leave one of them out",
            )
    return found


def _meets(run: RunScores, conditions: Mapping[str, object]) -> bool:
    word = paper_reproduction().common_word.of(run.record.spec.preset)
    wanted = {field: word if value == COMMON_WORD_MARK else value for field, value in conditions.items()}
    return fits(run.record.spec.model_dump(mode="json"), wanted)


def scores_of(claim: Claim, known: Claims, runs: Sequence[RunScores]) -> tuple[pd.Series, pd.Series]:
    """Return both sides' scores by subject, from runs of the same prompts: those that most subjects have."""
    sides = [(runs_of(name, known, runs), name) for name in (claim.first, claim.second)]
    prompts_of = [{run.record.spec.prompts for run in side} for side, _ in sides]
    shared = prompts_of[0] & prompts_of[1] or prompts_of[0] | prompts_of[1]
    pairs = [
        tuple(
            subject_means(str(claim.metric), [r for r in side if r.record.spec.prompts == prompts], name)
            for side, name in sides
        )
        for prompts in sorted(shared)
    ]
    first, second = max(pairs, key=lambda pair: len(pair[0].index.intersection(pair[1].index)))
    return first, second


def subject_means(metric: str, runs: Sequence[RunScores], name: str | None = None) -> pd.Series:
    """Return one score per subject, with one vote per seed.

    Runs of one seed are averaged first: an ablation's folder contains copies of the comparison's images,
    and a copy is not another repetition. ``name`` ``PHOTOS`` gives the photos' own scores.
    """
    parts = {}
    for position, run in enumerate(runs):
        frame = run.photos if name == PHOTOS else run.subjects
        if metric in frame:
            parts[run.record.spec.seed, position] = frame[metric].dropna()
    if not parts:
        return pd.Series(dtype=float)
    joined = pd.concat(parts, names=["seed", "run", "subject"])
    return joined.groupby(level=["seed", "subject"]).mean().groupby(level="subject").mean()
