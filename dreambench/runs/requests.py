"""The images of a run: each with its prompt, its caption and its seed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from dreambench.dataset import Prompt, Subject
from dreambench.dataset.image_request import ImageRequest
from dreambench.methods.method import SubjectPhrase
from dreambench.metrics.drift import file_label
from dreambench.metrics.scoring import BenchmarkImage, SubjectImages
from dreambench.metrics.tables import DriftPair
from dreambench.runs.chosen_data import chosen_prompts
from dreambench.runs.class_images import class_caption
from dreambench.runs.unrelated_prompts import unrelated_prompts
from dreambench.seeds import stable_seed
from dreambench.spec.run_spec import RunSpec
from dreambench.store import RunFolder

if TYPE_CHECKING:
    from dreambench.runs.prepare import Prepared


def clip_caption(prompt: Prompt, subject: Subject, spec: RunSpec, identifier: str | None) -> str:
    """Return CLIP-T's caption: the prompt without the identifier, unless the protocol keeps it."""
    kept = identifier if spec.protocol.caption == "identifier" else None
    return prompt.text(subject.class_noun, kept)


def expected_cells(
    spec: RunSpec, subject: Subject, words: SubjectPhrase, run: RunFolder
) -> list[BenchmarkImage]:
    """Return a subject's cells in order, prompt by prompt; ``file`` is where each image belongs.

    ``words`` name the subject in prompts; captions always have its own class noun.
    """
    return [
        BenchmarkImage(
            subject=subject.name,
            class_noun=subject.class_noun,
            category=subject.category,
            prompt_index=prompt.index,
            prompt=prompt.text(words.class_noun, words.identifier),
            caption=clip_caption(prompt, subject, spec, words.identifier),
            kind=prompt.kind,
            image_index=image,
            seed=stable_seed(spec.seed, subject.name, prompt.index, image),
            file=run.image_file(subject.name, prompt.index, image),
        )
        for prompt in chosen_prompts(spec, subject)
        for image in range(spec.images_per_prompt)
    ]


def image_requests(cells: Iterable[BenchmarkImage]) -> list[ImageRequest]:
    """Return the cells as generation requests."""
    return [
        ImageRequest(c.prompt, c.seed, c.file) for c in cells if c.file is not None and c.seed is not None
    ]


def prior_requests(spec: RunSpec, subject: Subject, run: RunFolder) -> list[ImageRequest]:
    """Return the images that PRES scores: ``a [class noun]`` by the fine-tuned model; empty without PRES."""
    return [
        ImageRequest(
            class_caption(subject.class_noun),
            stable_seed(spec.seed, subject.name, "prior", index),
            run.prior_file(subject.name, index),
            image_index=index,
        )
        for index in range(spec.protocol.prior_images_needed())
    ]


def drift_pairs(spec: RunSpec, subject: Subject, run: RunFolder) -> list[DriftPair]:
    """Return the images that drift compares: by the fine-tuned and by the base model, from the same noise.

    Noise and file depend on the prompt, the noise not on the subject. Empty where drift is not asked for.
    """
    pairs = []
    for index, prompt in unrelated_prompts(spec, subject):
        seed = stable_seed(spec.seed, "drift", prompt)
        label = file_label(index, prompt)
        own, base = (run.drift_file(subject.name, label, base) for base in (False, True))
        pairs.append((ImageRequest(prompt, seed, own, index), ImageRequest(prompt, seed, base, index)))
    return pairs


def scored_images(spec: RunSpec, prepared: Prepared, subject: Subject, run: RunFolder) -> SubjectImages:
    """Return what there is of a subject for the scores of ``spec``: a missing cell has no ``file``."""
    cells = expected_cells(spec, subject, prepared.words(subject), run)
    pairs = drift_pairs(spec, subject, run)
    return SubjectImages(
        cells=[cell if cell.file and cell.file.exists() else replace(cell, file=None) for cell in cells],
        photos=[photo.path for photo in subject.photos],
        priors={r.image_index: r.file for r in prior_requests(spec, subject, run) if r.file.exists()},
        drift=[pair for pair in pairs if all(image.file.exists() for image in pair)],
    )
