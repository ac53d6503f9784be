"""The design of an experiment as tables, and as the page ``docs/power.md``."""

from __future__ import annotations

from dreambench.analysis.power import (
    ALPHA,
    IMAGES,
    MOST_IMAGES,
    MOST_SEEDS,
    MOST_SUBJECTS,
    POWER,
    PROMPTS,
    SUBJECTS,
)
from dreambench.analysis.power_study import DRAWS, LITE, TINY, PowerStudy
from dreambench.report import numbers
from dreambench.report.table import Table, markdown_sections, table
from dreambench.spec.registries import get_metric
from dreambench.spec.signature import MINIATURE_NOTE, is_miniature

_INTRODUCTION = """\
# How large an experiment must be

`dreambench power RUN...` says it from the variance of runs that you have: two methods or more, with two
seeds of one of them where seeds matter. A score varies with the subject, the prompt, the image and the seed
of the training; the variance of a difference of two methods' means over S subjects, P prompts, K images and
R seeds is

```
(subject + seed / R + prompt / P + image / (P K R)) / S
```

Everything is divided by S, and only S divides the subjects' own part: more images and more seeds help until
that part is all that is left, and then no more. The test is the two-sided t-test over subjects.
"""


def power_tables(found: PowerStudy) -> list[Table]:
    """Lay out the study: what is needed, the components, the lite subset, the tiny comparison, the check."""
    return [_needed(found), _components(found), _lite(found), _wrong(found), _check(found)]


def _needed(found: PowerStudy) -> Table:
    rows = [
        [
            get_metric(each.metric).title,
            f"{each.difference:.2f}",
            _count(each.subjects, MOST_SUBJECTS),
            _count(each.images, MOST_IMAGES),
            _count(each.seeds, MOST_SEEDS),
        ]
        for each in found.designs
    ]
    note = (
        f"The smallest number with {POWER:.0%} power at level {ALPHA}, with {PROMPTS} prompts: subjects with "
        f"{IMAGES} images and 1 seed, images of a prompt with {SUBJECTS} subjects and 1 seed, seeds with "
        f"{SUBJECTS} subjects and {IMAGES} images. Never: no number of them is enough, because the subjects "
        "differ too much."
    )
    return table(
        "What a difference needs", ["Metric", "Difference", "Subjects", "Images", "Seeds"], rows, note
    )


def _count(needed: int | None, most: int) -> str:
    # Subjects always suffice in the end; images and seeds do not.
    absent = f"over {numbers.count(most)}" if most == MOST_SUBJECTS else "never"
    return absent if needed is None else numbers.count(needed)


def _components(found: PowerStudy) -> Table:
    rows = [
        [
            get_metric(name).title,
            *(f"{part**0.5:.4f}" for part in (own.subject, own.seed, own.prompt, own.image)),
        ]
        for name, own in found.components.items()
    ]
    pairs = max(own.pairs for own in found.components.values())
    note = (
        f"Standard deviations of the difference of two methods, the mean over {pairs} pairs of runs. Runs of "
        "one seed draw from the same noise: what their images share of it cancels."
    )
    return table("Where the variance is", ["Metric", "Subject", "Seed", "Prompt", "Image"], rows, note)


def _lite(found: PowerStudy) -> Table:
    rows = [
        [
            get_metric(each.metric).title,
            numbers.count(each.methods),
            numbers.fixed(each.tau),
            numbers.fixed(each.tau_low),
            f"{each.same_best:.0%}",
        ]
        for each in found.lite
    ]
    subjects, prompts, images = LITE
    note = (
        f"Kendall's tau of the methods' ranking on {subjects} subjects, {prompts} prompts, {images} images "
        f"with that on all of them, over {numbers.count(DRAWS)} random subsets."
    )
    head = ["Metric", "Methods", "Tau, mean", "Tau, 5th percentile", "Same best"]
    return table("What a lite subset loses", head, rows, note)


def _wrong(found: PowerStudy) -> Table:
    rows = [
        [get_metric(each.metric).title, f"{each.chance:.0%}", f"{each.worst:.0%}", " and ".join(each.pair)]
        for each in found.wrong
    ]
    note = (
        f"The chance that {TINY[0]} subject and {TINY[2]} images of one prompt name the method that loses "
        "over the whole: the mean over pairs of runs of different methods, and the worst pair."
    )
    head = ["Metric", "Wrong winner", "Worst pair", "Which"]
    return table("A comparison on one subject", head, rows, note)


def _check(found: PowerStudy) -> Table:
    rows = [
        [
            get_metric(each.metric).title,
            numbers.count(each.subjects),
            f"{each.difference:.2f}",
            numbers.fixed(each.predicted),
            numbers.fixed(each.simulated),
        ]
        for each in found.checks
    ]
    note = (
        f"Power by the formula, and the share of {numbers.count(DRAWS)} simulated experiments that found the "
        "difference: subjects drawn with replacement from the runs' own differences, moved to that mean."
    )
    head = ["Metric", "Subjects", "Difference", "Formula", "Simulation"]
    return table("Checked by simulation", head, rows, note)


def power_page(found: PowerStudy, command: str) -> str:
    """Return the page in Markdown; ``command`` is what makes it again."""
    runs = f"From {len(found.runs)} runs over {found.subjects} subjects: {', '.join(found.runs)}."
    parts = [_INTRODUCTION.rstrip(), f"{runs} This page is made by\n\n```sh\n{command}\n```"]
    if is_miniature(found.signature):
        parts.append(f"**{MINIATURE_NOTE}: run the command on runs of yours.**")
    parts += [*markdown_sections(power_tables(found)), f"Signature: `{found.signature}`"]
    return "\n\n".join(parts) + "\n"
