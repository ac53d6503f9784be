"""From a spec as it was asked for to a spec with everything found: data, base model, weights."""

from __future__ import annotations

from dreambench.dataset import (
    Dataset,
    Prompt,
    Subject,
    canonical_selection,
    load_dataset,
    select_prompts,
)
from dreambench.errors import DreambenchError
from dreambench.paths import BUILTIN, located
from dreambench.spec.run_spec import RunSpec


def resolve_data(spec: RunSpec) -> tuple[RunSpec, Dataset]:
    """Read and check the dataset, and fill in its label, its fingerprint and the subjects' names.

    Raises DreambenchError for an unknown subject, a bad prompt selection or a damaged photo.
    """
    dataset = read_data(spec)
    return complete_data(spec, dataset), dataset


def read_data(spec: RunSpec) -> Dataset:
    """Read and check the dataset of a spec. Raises DreambenchError where it is absent or damaged."""
    return load_dataset(located(spec.data.folder) if spec.data.folder else None)


def complete_data(spec: RunSpec, dataset: Dataset) -> RunSpec:
    """Fill in the dataset's label and fingerprint and the subjects' names; refuse a wrong selection."""
    data = spec.data.model_copy(update={"label": dataset.label, "fingerprint": dataset.fingerprint})
    chosen = dataset.select(spec.subjects if spec.subjects == "all" else list(spec.subjects))
    for category in sorted({s.category for s in chosen}):
        select_prompts(category, spec.prompts)
    names = tuple(s.name for s in dataset.subjects if s in chosen)
    subjects = "all" if len(names) == len(dataset.subjects) else names
    prompts = canonical_selection(min(s.category for s in chosen), spec.prompts)
    return spec.model_copy(update={"data": data, "subjects": subjects, "prompts": prompts})


def chosen_subjects(spec: RunSpec, dataset: Dataset) -> tuple[Subject, ...]:
    """Return the subjects that a spec asks for."""
    return dataset.select(spec.subjects if spec.subjects == "all" else list(spec.subjects))


def chosen_prompts(spec: RunSpec, subject: Subject) -> tuple[Prompt, ...]:
    """Return the prompts that a spec asks of a subject, in the official order."""
    return tuple(sorted(select_prompts(subject.category, spec.prompts), key=lambda p: p.index))


def parse_subjects(text: str | None) -> str | tuple[str, ...] | None:
    """Read the value of ``--subjects``: ``all``, or names with commas between them."""
    if text is None or text == "all":
        return text
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise DreambenchError("--subjects is empty", "give all, or names such as dog,cat")
    return names


def default_run_name(spec: RunSpec) -> str:
    """Return the folder's name below results/ for a run without ``--out``: same images, same folder."""
    return f"{spec.preset}-{spec.method.name}-{spec.images_key[:8]}"


def with_absolute_paths(spec: RunSpec) -> RunSpec:
    """Return a resolved spec whose local files and folders are named for a process in another folder.

    Hub ids, ``builtin:`` names and the key stay as they are.
    """
    from dreambench.models.encoders.weight_files import is_local

    sections = {name: getattr(spec.protocol, name) for name in ("clip", "dino", "lpips")}
    protocol = {
        name: section.model_copy(update={"weights": _absolute(section.weights)})
        for name, section in sections.items()
        if is_local(section.weights)
    }
    data = spec.data.model_copy(update={"folder": spec.data.folder and _absolute(spec.data.folder)})
    base = spec.base.model_copy(update={"model": _absolute(spec.base.model)})
    return spec.model_copy(
        update={"data": data, "base": base, "protocol": spec.protocol.model_copy(update=protocol)}
    )


def _absolute(name: str) -> str:
    path = located(name)
    return name if name.startswith(BUILTIN) or not path.exists() else str(path.absolute())
