"""The images of a run: each with its prompt, its caption and its seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dreambench.dataset import Prompt, Subject
from dreambench.dataset.image_request import ImageRequest
from dreambench.methods.method import SubjectPhrase
from dreambench.metrics.scoring import BenchmarkImage, DriftPair
from dreambench.runs.chosen_data import chosen_prompts
from dreambench.runs.class_images import class_caption
from dreambench.runs.unrelated_prompts import unrelated_prompts
from dreambench.seeds import stable_seed
from dreambench.spec.run_spec import RunSpec
from dreambench.store import RunFolder


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

    The noise depends on the prompt, not on the subject. Empty where drift is not asked for.
    """
    return [
        (
            ImageRequest(prompt, seed, run.drift_file(subject.name, index), index),
            ImageRequest(prompt, seed, run.drift_file(subject.name, index, base=True), index),
        )
        for index, prompt in unrelated_prompts(spec, subject)
        for seed in [stable_seed(spec.seed, "drift", prompt)]
    ]


def present(cell: BenchmarkImage) -> BenchmarkImage:
    """Return the cell, with ``file`` None if the image does not exist."""
    if cell.file is None or cell.file.exists():
        return cell
    return replace(cell, file=None)


def count_files(
    cells: Iterable[BenchmarkImage],
    priors: Mapping[str, Mapping[int, Path]],
    photos: Mapping[str, Sequence[Path]],
    drift: Mapping[str, Sequence[DriftPair]],
) -> int:
    """Return how many files scoring will look at: images, prior images, pairs of drift, and photos."""
    images = sum(cell.file is not None for cell in cells)
    further = [*priors.values(), *photos.values(), *drift.values(), *drift.values()]  # drift's are pairs
    return images + sum(map(len, further))


def photo_files(subjects: Iterable[Subject]) -> dict[str, list[Path]]:
    """Return each subject's photos by its name."""
    return {s.name: [photo.path for photo in s.photos] for s in subjects}
