"""Before a run: everything that it needs is found and checked, and nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dreambench.dataset import Dataset, Subject
from dreambench.methods.identifiers import choose_identifier
from dreambench.methods.method import Method, SubjectPhrase, subject_phrase
from dreambench.models.base_model import BaseModel, open_base
from dreambench.models.device import Runtime, resolve_runtime
from dreambench.models.weights import with_fingerprints
from dreambench.runs.requests import photo_files
from dreambench.runs.resolve import chosen_subjects, resolve_data
from dreambench.runs.training_subject import noun_note, training_subject
from dreambench.spec.registries import method_class
from dreambench.spec.run_spec import RunSpec
from dreambench.store import RunRecord
from dreambench.store.record import git_commit, installed_versions, machine

SAFETY_NOTE = "The safety checker is off: it blacks out images at random, and black images would be scored."


@dataclass(frozen=True)
class Prepared:
    """A run whose pieces have all been found: nothing has been written yet."""

    spec: RunSpec
    dataset: Dataset
    subjects: tuple[Subject, ...]
    base: BaseModel
    runtime: Runtime
    identifier: str
    method: Method

    def words(self, subject: Subject) -> SubjectPhrase:
        """Return how the run's prompts call a subject."""
        return subject_phrase(self.method, training_subject(self.spec, subject), self.identifier)


def prepare(spec: RunSpec, base: BaseModel | None = None) -> Prepared:
    """Find and check everything that a run needs: data, device, base model, weights, identifier.

    ``base`` is the spec's base model where this process has opened it already. Raises DreambenchError for
    the first piece that is missing or wrong, before anything is written.
    """
    spec, dataset = resolve_data(spec)
    runtime = resolve_runtime(spec.runtime)
    spec = spec.model_copy(update={"protocol": with_fingerprints(spec.protocol)})
    base = base or open_base(spec.base)
    base.device = runtime.device
    found = spec.base.model_copy(update={"fingerprint": base.fingerprint})
    spec = spec.model_copy(update={"base": found})
    identifier = choose_identifier(base.tokenizer, spec.identifier)
    method = method_class(spec.method.name)()
    subjects = chosen_subjects(spec, dataset)
    for subject in subjects:
        training_subject(spec, subject)
    return Prepared(spec, dataset, subjects, base, runtime, identifier, method)


def prepare_all(specs: Sequence[RunSpec]) -> list[Prepared]:
    """Prepare several runs, all before the first one starts; runs of one base model share it."""
    bases: dict[str, BaseModel] = {}
    prepared = []
    for spec in specs:
        key = f"{spec.base.model_dump_json()} {spec.runtime.device}"
        prepared.append(prepare(spec, bases.get(key)))
        bases[key] = prepared[-1].base
    return prepared


def start_record(prepared: Prepared, name: str, notes: list[str]) -> RunRecord:
    """Return the run log with which a prepared run starts."""
    photos = {k: [str(p.resolve()) for p in v] for k, v in photo_files(prepared.subjects).items()}
    return RunRecord(
        name=name,
        key=prepared.spec.key,
        spec=prepared.spec,
        identifier=prepared.identifier,
        subjects={s.name: s.class_noun for s in prepared.subjects},
        photos=photos,
        versions=installed_versions(),
        git_commit=git_commit(),
        machine=machine(prepared.runtime.describe()),
        notes=[SAFETY_NOTE, *noun_note(prepared.spec, prepared.subjects), *notes],
    )
