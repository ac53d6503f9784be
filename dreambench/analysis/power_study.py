"""The complete study of an experiment's design, from the variance of existing runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dreambench.analysis.power import (
    SUBJECTS,
    Components,
    NeededDesign,
    ScoredMethod,
    components,
    needed,
    power,
    scored_methods,
)
from dreambench.analysis.run_scores import RunScores, shown_metrics
from dreambench.analysis.small_designs import (
    LiteAgreement,
    PowerCheck,
    WrongWinner,
    lite_agreement,
    simulated_power,
    wrong_winner,
)
from dreambench.analysis.summarize import summary_of
from dreambench.errors import DreambenchError
from dreambench.spec.registries import get_metric

DIFFERENCES = (0.01, 0.02, 0.05)


@dataclass(frozen=True)
class PowerStudy:
    """Each metric's components, designs, lite subset, tiny comparison, check; ``signature`` is the runs'."""

    signature: str
    runs: tuple[str, ...]
    subjects: int
    components: dict[str, Components]
    designs: tuple[NeededDesign, ...]
    lite: tuple[LiteAgreement, ...]
    wrong: tuple[WrongWinner, ...]
    checks: tuple[PowerCheck, ...]


def power_study(runs: Sequence[RunScores]) -> PowerStudy:
    """Return what the runs' variance says about experiments, for each single-image metric that all have.

    Raises DreambenchError where the runs are not comparable, lack scores, or have a single method.
    """
    summary_of(runs)  # refuses runs of different signatures
    names = [name for name in shown_metrics(runs) if get_metric(name).compares in ("photos", "caption")]
    if not names:
        raise DreambenchError("these runs have no scores of single images", "give runs with DINO or CLIP-I")
    scored = {name: scored_methods(runs, name) for name in names}
    found = {name: components(methods) for name, methods in scored.items()}
    first = next(iter(scored.values()))
    return PowerStudy(
        signature=runs[0].signature,
        runs=tuple(run.label for run in runs),
        subjects=len(first[0].values),
        components=found,
        designs=tuple(needed(name, size, found[name]) for name in names for size in DIFFERENCES),
        lite=tuple(lite_agreement(name, _one_of_each(scored[name])) for name in names),
        wrong=tuple(wrong_winner(name, scored[name]) for name in names),
        checks=tuple(check for name in names for check in _checks(name, scored[name])),
    )


def _one_of_each(methods: Sequence[ScoredMethod]) -> list[ScoredMethod]:
    return list({each.method: each for each in reversed(methods)}.values())[::-1]


def _checks(metric: str, methods: Sequence[ScoredMethod]) -> list[PowerCheck]:
    """Simulate two designs with the first two methods, beside the prediction from their components."""
    a, b = _one_of_each(methods)[:2]
    own = components([a, b])
    prompts, images = a.values.shape[1:]
    found = []
    for subjects, difference in ((SUBJECTS, 0.02), (SUBJECTS // 2, 0.05)):
        predicted = power(difference, own.variance(subjects, images, 1, prompts), subjects)
        simulated = simulated_power(a, b, difference, subjects)
        found.append(PowerCheck(metric, subjects, difference, predicted, simulated))
    return found
