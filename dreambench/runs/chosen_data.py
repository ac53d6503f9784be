"""The part of a dataset that a spec asks for: its subjects, and each subject's prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dreambench.dataset import (
    Dataset,
    Prompt,
    Subject,
    canonical_selection,
    load_dataset,
    select_prompts,
    selected,
)
from dreambench.dataset.subject_pairs import with_pairs
from dreambench.errors import NotHereError
from dreambench.paths import located
from dreambench.spec.run_spec import RunSpec

if TYPE_CHECKING:
    from dreambench.models.device import Runtime


def resolve_data(spec: RunSpec) -> tuple[RunSpec, Dataset]:
    """Read and check the dataset, and fill in its label, its fingerprint and the subjects' names.

    Raises DreambenchError for an unknown subject, a bad prompt selection or a damaged photo.
    """
    dataset = read_data(spec)
    return complete_data(spec, dataset), dataset


def resolve_scoring(
    spec: RunSpec, gpu_share: float = 1.0, elsewhere: bool = False
) -> tuple[RunSpec, Dataset, Runtime]:
    """Find the dataset, the device and the protocol's weights, whose fingerprints are filled in.

    ``gpu_share`` is the process's. With ``elsewhere``, other machines may have the spec's device and
    precision: where this one has not, it takes its own. Raises DreambenchError for what is missing or wrong.
    """
    from dreambench.models.device import resolve_runtime
    from dreambench.models.weights import with_fingerprints

    spec, dataset = resolve_data(spec)
    try:
        runtime = resolve_runtime(spec.runtime, gpu_share)
    except NotHereError:
        if not elsewhere:
            raise
        runtime = resolve_runtime(spec.runtime.evolve(device="auto", precision="auto"))
    return spec.evolve(protocol=with_fingerprints(spec.protocol)), dataset, runtime


def read_data(spec: RunSpec) -> Dataset:
    """Read and check the dataset of a spec. Raises DreambenchError if it is missing or damaged.

    If the protocol is for images of two subjects, its pairs take the place of the dataset's subjects.
    """
    dataset = load_dataset(located(spec.data.folder) if spec.data.folder else None)
    pairs = spec.protocol.named_pairs()
    return with_pairs(dataset, pairs) if pairs else dataset


def complete_data(spec: RunSpec, dataset: Dataset) -> RunSpec:
    """Fill in the dataset's label and fingerprint and the subjects' names; refuse a wrong selection."""
    data = {"label": dataset.label, "fingerprint": dataset.fingerprint}
    chosen = dataset.select(spec.subjects)
    counts = sorted({len(s.prompts) for s in chosen})
    for count in counts:
        selected(count, spec.prompts)
    names = tuple(s.name for s in dataset.subjects if s in chosen)
    subjects = "all" if len(names) == len(dataset.subjects) else names
    prompts = canonical_selection(counts[-1], spec.prompts)
    return spec.evolve(data=data, subjects=subjects, prompts=prompts)


def chosen_prompts(spec: RunSpec, subject: Subject) -> tuple[Prompt, ...]:
    """Return a spec's prompts for a subject, in the official order."""
    return tuple(sorted(select_prompts(subject.prompts, spec.prompts), key=lambda p: p.index))
