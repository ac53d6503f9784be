"""The paper's evaluation as data: every run that its tables and claims need, on any base model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dreambench.literature.ablations import ablation
from dreambench.paths import data_folder, read_yaml
from dreambench.spec.frozen import Frozen
from dreambench.spec.protocol_spec import MetricName
from dreambench.spec.run_spec import RunSpec

COMPARISON = "comparison"
COMMON_WORD = "common-word"
TRAINED_WORDS = "trained-words"
ALONG_TRAINING = "along-training"
#: The groups whose runs stand alone; the others are ablations.
SINGLE = (COMPARISON, COMMON_WORD, TRAINED_WORDS, ALONG_TRAINING)
Build = Callable[[Mapping[str, Any]], RunSpec]


class CommonWord(Frozen):
    """The common word used as a bad identifier: by preset, and for all other presets."""

    subjects: tuple[str, ...]
    words: Mapping[str, str]
    otherwise: str

    def of(self, preset: str) -> str:
        """Return the word for a preset's base model."""
        return self.words.get(preset, self.otherwise)


class AlongTraining(Frozen):
    """Methods stopped at shares of their own steps, on some subjects."""

    subjects: tuple[str, ...]
    shares: tuple[float, ...]


class Reproduction(Frozen):
    """What one seed of a reproduction runs; ``ablations`` maps names to fields that override their own.

    ``trained_words`` (identifiers by preset) and ``along_training`` run with the first seed only.
    """

    metrics: tuple[MetricName, ...]
    methods: tuple[str, ...]
    ablations: Mapping[str, Mapping[str, Any]]
    common_word: CommonWord
    trained_words: Mapping[str, tuple[str, ...]]
    along_training: AlongTraining


@dataclass(frozen=True)
class PlannedRun:
    """One run of a reproduction: its position and its spec."""

    group: str
    variant: str
    seed: int
    spec: RunSpec

    def folder(self, root: Path) -> Path:
        """Return the run's folder: an ablation's variants use the layout of ``dreambench ablate``."""
        if self.group in SINGLE:
            return root / self.group / f"{self.variant}-s{self.seed}"
        return root / f"{self.group}-s{self.seed}" / self.variant


@cache
def paper_reproduction() -> Reproduction:
    """Return the content of ``data/reproduction.yaml``."""
    return Reproduction.model_validate(read_yaml(data_folder() / "reproduction.yaml"))


def planned_runs(
    build: Build, seeds: Sequence[int], subjects: Sequence[str] | None = None
) -> list[PlannedRun]:
    """Return every run, in an order that lets later ones reuse what earlier ones made.

    ``build`` makes a spec from fields; ``subjects`` restricts every run to some of its subjects, and leaves
    out the runs that have none of them. Raises DreambenchError for a field that does not fit.
    """
    planned = [run for seed in seeds for run in _runs_of(build, seed, subjects)]
    planned += _experiments(build, seeds[0], subjects)
    return [run for run in planned if run.spec.subjects]


def queues(planned: Sequence[PlannedRun]) -> list[list[PlannedRun]]:
    """Return the runs in queues: runs in one queue do not need each other, later queues reuse earlier ones.

    The comparison's runs come first; then each ablation of each seed, whose variants differ.
    """
    found: dict[tuple[str, int | None], list[PlannedRun]] = {}
    for run in planned:
        alone = run.group in SINGLE
        found.setdefault((run.group, None if alone else run.seed), []).append(run)
    return sorted(found.values(), key=lambda runs: runs[0].group != COMPARISON)


def _runs_of(build: Build, seed: int, subjects: Sequence[str] | None) -> Iterator[PlannedRun]:
    whole = paper_reproduction()
    shared = {"seed": seed, "protocol.metrics": list(whole.metrics)}
    for method in whole.methods:
        fields = {**shared, "method": method, "subjects": tuple(subjects) if subjects else "all"}
        yield PlannedRun(COMPARISON, method, seed, build(fields))
    for name, own in whole.ablations.items():
        chosen = ablation(name)
        for variant in chosen.variants:
            fields = {**chosen.fields(variant), **own, "seed": seed}
            yield PlannedRun(name, variant, seed, build(_restricted(fields, subjects)))
    word = whole.common_word
    fields = {**shared, "subjects": word.subjects, "identifier.text": word.of(build({}).preset)}
    yield PlannedRun(COMMON_WORD, "dreambooth", seed, build(_restricted(fields, subjects)))


def _experiments(build: Build, seed: int, subjects: Sequence[str] | None) -> Iterator[PlannedRun]:
    whole = paper_reproduction()
    shared = {"seed": seed, "protocol.metrics": list(whole.metrics)}
    for word in whole.trained_words.get(build({}).preset, ()):
        fields = {**shared, "subjects": whole.common_word.subjects, "identifier.text": word}
        yield PlannedRun(TRAINED_WORDS, word, seed, build(_restricted(fields, subjects)))
    along = whole.along_training
    for method in whole.methods:
        steps = build({"method": method}).method.training_steps()
        for stop in dict.fromkeys(max(1, round(share * steps)) for share in along.shares) if steps else ():
            fields = {**shared, "subjects": along.subjects, "method": method, "method.steps": stop}
            yield PlannedRun(ALONG_TRAINING, f"{method}-{stop}", seed, build(_restricted(fields, subjects)))


def _restricted(fields: Mapping[str, Any], subjects: Sequence[str] | None) -> dict[str, Any]:
    if subjects is None:
        return dict(fields)
    return {**fields, "subjects": tuple(name for name in fields["subjects"] if name in set(subjects))}
