"""Pairs of subjects: what images that show two of a dataset's subjects are called, and are asked for.

Source: bytedance/UNO at d305981, ``datasets/dreambench_multiip.json``, whose 750 prompts follow one rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dreambench.dataset.dataset import Dataset, Subject
from dreambench.dataset.prompts import Prompt
from dreambench.errors import DreambenchError, did_you_mean


def with_pairs(dataset: Dataset, pairs: Mapping[str, tuple[str, str]]) -> Dataset:
    """Return the dataset with pairs of its subjects in their place, by name and in the order given.

    A pair is a subject whose photos are those of both, and whose prompts name both. Its category is the first
    one's. Raises DreambenchError for a subject that the dataset lacks, and for subjects with prompts of their
    own.
    """
    known = {subject.name: subject for subject in dataset.subjects}
    for name in (name for pair in pairs.values() for name in pair):
        if name not in known:
            hint, two = did_you_mean(name, known), ", ".join(list(known)[:2])
            raise DreambenchError(
                f"protocol.subject_pairs names {name!r}, which the dataset {dataset.label} does not have",
                f"{hint}list pairs of its subjects, such as --set protocol.subject_pairs=[[{two}]]",
            )
        if known[name].own_prompts:
            raise DreambenchError(
                f"the dataset {dataset.label} has prompts of its own, and pairs are asked the official ones",
                "use a protocol of single subjects",
            )
    named = pairs.items()
    return replace(dataset, subjects=tuple(_pair(name, known[a], known[b]) for name, (a, b) in named))


def _pair(name: str, first: Subject, second: Subject) -> Subject:
    return Subject(
        name=name,
        class_noun=f"{first.class_noun} and a {second.class_noun}",
        category=first.category,
        photos=(*first.photos, *second.photos),
        own_prompts=tuple(
            replace(prompt, template=_of_both(prompt, first, second)) for prompt in first.prompts
        ),
        parts=(first, second),
    )


def _of_both(prompt: Prompt, first: Subject, second: Subject) -> str:
    """Return the sentence that names both subjects in the prompt's scene.

    Only the first of two is dressed, or colored if it is alive: "a wet cat, next to it is a dog".
    """
    if prompt.kind == "recontextualization":
        return prompt.text(f"{first.class_noun} and a {second.class_noun}")
    alone = prompt.text(first.class_noun)
    if first.category == "object":
        return f"{alone} and {prompt.text(second.class_noun)}"
    return f"{alone}, next to it is a {second.class_noun}"
