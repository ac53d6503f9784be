"""Before a run: find and check everything that it needs, without writing anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from dreambench.dataset import Dataset, Subject
from dreambench.errors import DreambenchError, NotHereError
from dreambench.executors import ExecutorOptions
from dreambench.methods.identifiers import choose_identifier
from dreambench.methods.method import Method, SubjectPhrase, subject_phrase
from dreambench.models.base_model import BaseModel, open_base
from dreambench.models.device import Runtime
from dreambench.models.encoders.weight_files import is_local
from dreambench.models.quantized import require_quantizer
from dreambench.models.weights import needed_encoders
from dreambench.paths import BUILTIN, located
from dreambench.runs.chosen_data import resolve_scoring
from dreambench.runs.fit import check_fit
from dreambench.runs.memory import require_memory
from dreambench.runs.several_protocols import refuse_pairs_in_a_run
from dreambench.runs.shown_photos import shown_note, with_shown_photos
from dreambench.runs.training_subject import noun_note, training_subject
from dreambench.runs.unrelated_prompts import refuse_drift_of_shown_photos, unrelated_prompts
from dreambench.spec.protocol_spec import EncoderSpec, ProtocolSpec
from dreambench.spec.registries import METHODS, standard_metrics
from dreambench.spec.run_spec import RunSpec
from dreambench.store import RunRecord
from dreambench.store.record import git_commit, installed_versions, machine

_HERE = ExecutorOptions()
SAFETY_NOTE = "The safety checker is off: it blacks out images at random, and black images would be scored."


@dataclass(frozen=True)
class Prepared:
    """A run with everything that it needs, found and checked; nothing has been written yet.

    ``protocols`` are those that its images are scored with, the spec's first, if there are several.
    """

    spec: RunSpec
    dataset: Dataset
    subjects: tuple[Subject, ...]
    base: BaseModel
    runtime: Runtime
    identifier: str
    method: Method
    protocols: Mapping[str, ProtocolSpec] = field(default_factory=dict)

    def words(self, subject: Subject) -> SubjectPhrase:
        """Return the words for a subject in the run's prompts."""
        return subject_phrase(self.method, training_subject(self.spec, subject), self.identifier)


def prepare(
    spec: RunSpec, base: BaseModel | None = None, gpu_share: float = 1.0, elsewhere: bool = False
) -> Prepared:
    """Find and check everything that a run needs: data, device, base model, weights, identifier.

    ``base`` is the spec's base model if this process has opened it already, and ``gpu_share`` the part of a
    GPU that it has. Raises DreambenchError for the first thing that is missing or wrong, before anything is
    written; not for what this machine lacks (NotHereError) where the work is done ``elsewhere``.
    """
    refuse_pairs_in_a_run(spec.protocol)
    refuse_drift_of_shown_photos(spec)
    spec, dataset, runtime = resolve_scoring(spec, gpu_share, elsewhere)
    base = base or open_base(spec.base)
    method = _fit(spec, base, runtime, elsewhere)
    spec = spec.evolve(base={"fingerprint": base.fingerprint})
    resolved = getattr(method, "resolved", None)
    if resolved is not None:
        spec = spec.evolve(method=resolved(base, spec))
    spec = with_shown_photos(spec, dataset, runtime)
    encoder = partial(base.frozen, "text_encoder") if base.family.clip_text else None
    identifier = choose_identifier(base.tokenizer, spec.identifier, encoder)
    if not spec.identifier.text:
        spec = spec.evolve(identifier={"drawn": identifier})
    subjects = dataset.select(spec.subjects)
    prepared = Prepared(spec, dataset, subjects, base, runtime, identifier, method)
    for subject in subjects:
        unrelated_prompts(spec, subject)  # refuses a class that every one of them names
        word = prepared.words(subject).identifier  # refuses subjects that lack the photos asked for
        if spec.protocol.caption == "identifier" and word not in (None, identifier):
            raise DreambenchError(
                f"protocol.caption=identifier would compare images with {word}, which {spec.method.name} "
                "learned and CLIP does not know",
                "use protocol.caption=no-identifier with this method",
            )
    return prepared


def _fit(spec: RunSpec, base: BaseModel, runtime: Runtime, elsewhere: bool) -> Method:
    """Put a base model on the device; return the method. Raises DreambenchError if they do not fit."""
    lacks: AbstractContextManager[None] = suppress(NotHereError) if elsewhere else nullcontext()
    family = base.family
    base.device = runtime.device
    if family.large:
        base.frozen_dtype = runtime.dtype
    elif runtime.device.type == "cuda":
        base.autocast_dtype = runtime.dtype
    base.quantize = "none"
    with lacks:
        require_quantizer(runtime.spec.quantize, runtime.device, family.large)
        base.quantize = runtime.spec.quantize
    method: Method = METHODS.get(spec.method.name)()
    with lacks:
        check_fit(spec, base, method)
    with lacks:
        require_memory(spec, base, runtime)
    return method


def prepare_all(specs: Sequence[RunSpec], options: ExecutorOptions = _HERE) -> list[Prepared]:
    """Prepare several runs, to be executed as ``options`` say, before the first one starts.

    Runs of one base model share it.
    """
    bases: dict[str, BaseModel] = {}
    prepared = []
    for spec in specs:
        base = bases.get(base_key(spec))
        prepared.append(prepare(spec, base, options.gpu_share, options.elsewhere))
        bases[base_key(spec)] = prepared[-1].base
    return prepared


def base_key(spec: RunSpec) -> str:
    """Return what names a run's base model in memory: which one it is, on which device, in which numbers."""
    runtime = spec.runtime
    return f"{spec.base.model_dump_json()} {(runtime.device, runtime.precision, runtime.quantize)}"


def start_record(prepared: Prepared, name: str, notes: list[str]) -> RunRecord:
    """Return the initial run log of a prepared run."""
    spec, base, subjects = prepared.spec, prepared.base, prepared.subjects
    own = []
    if any(base.index.get("safety_checker") or ()):
        own.append(SAFETY_NOTE)
    if not (spec.identifier.text or base.family.clip_text):
        own.append(
            f"The identifier {prepared.identifier} is three consonants that the vocabulary has no token for."
        )
    return new_record(
        name,
        spec,
        subjects,
        prepared.runtime,
        identifier=prepared.identifier,
        protocols=dict(prepared.protocols),
        notes=[*own, *noun_note(spec, subjects), *shown_note(spec, subjects), *notes],
    )


def new_record(
    name: str, spec: RunSpec, subjects: Sequence[Subject], runtime: Runtime, **fields: Any
) -> RunRecord:
    """Return the log of a new run on this machine, by this software; ``fields`` are its other fields."""
    return RunRecord(
        name=name,
        key=spec.key,
        spec=spec,
        subjects={s.name: s.class_noun for s in subjects},
        photos={s.name: [photo.path.resolve().as_posix() for photo in s.photos] for s in subjects},
        prompts={s.name: [prompt.template for prompt in s.own_prompts] for s in subjects if s.own_prompts},
        versions=installed_versions(),
        git_commit=git_commit(),
        machine=machine(runtime.describe()),
        **fields,
    )


def default_run_name(spec: RunSpec) -> str:
    """Return the folder's name below results/ for a run without ``--out``: same images, same folder."""
    return f"{spec.preset}-{spec.method.name}-{spec.images_key[:8]}"


def with_absolute_paths(spec: RunSpec) -> RunSpec:
    """Return a resolved spec with absolute local paths, for a process in another working folder.

    Hub ids, ``builtin:`` names and the key stay as they are.
    """
    encoders = needed_encoders({*standard_metrics(), *spec.protocol.metrics})
    sections = {name: spec.protocol.encoder_spec(name) for name in encoders}
    moved: dict[str, EncoderSpec] = {
        name: section.evolve(weights=_absolute(section.weights))
        for name, section in sections.items()
        if is_local(section.weights)
    }
    return spec.evolve(
        data={"folder": spec.data.folder and _absolute(spec.data.folder)},
        base={"model": _absolute(spec.base.model)},
        protocol=spec.protocol.with_encoder_specs(moved),
    )


def _absolute(name: str) -> str:
    path = located(name)
    return name if name.startswith(BUILTIN) or not path.exists() else str(path.absolute())
