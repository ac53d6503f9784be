"""A gallery: prompts beyond the benchmark's, drawn by a run's personalized models and never scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dreambench.dataset import Subject
from dreambench.dataset.prompt_sets import PromptSet
from dreambench.errors import DreambenchError
from dreambench.methods.method import Personalized
from dreambench.progress import ProgressListener
from dreambench.runs.prepare import Prepared, prepare
from dreambench.runs.subject import method_context, personalize
from dreambench.runs.subject_images import draw_images, images_bar
from dreambench.spec.run_spec import differences, refuse_differences
from dreambench.store import RunFolder
from dreambench.store.gallery_folder import (
    GalleryFolder,
    GalleryRecord,
    GallerySubject,
    locked_gallery,
    refuse_other,
)
from dreambench.store.record import ends_are_recorded
from dreambench.store.scratch_folder import keep_or_remove


@dataclass(frozen=True)
class GalleryPlan:
    """A gallery with everything that it needs, found and checked; nothing has been written yet."""

    run: RunFolder
    prepared: Prepared
    subjects: tuple[Subject, ...]
    record: GalleryRecord
    path: Path

    def trained_again(self) -> list[str]:
        """Return the subjects that lack images and have no kept weights."""
        if not self.prepared.spec.method.trains():
            return []
        gallery = GalleryFolder(self.path, self.record)
        return [
            s.name
            for s in self.subjects
            if gallery.missing(s.name) and not any(place.exists() for place in _weights(self, gallery, s))
        ]


def plan_gallery(
    run: RunFolder,
    prompts: PromptSet,
    *,
    subjects: Sequence[str] | None = None,
    images: int | None = None,
    seed: int | None = None,
    data: str | None = None,
    base: str | None = None,
    out: Path | None = None,
) -> GalleryPlan:
    """Find and check everything that a gallery of a run needs.

    Subjects, images per prompt and seed default to the run's (None); ``data`` and ``base`` say where the
    run's photos and base model are now. ``out`` is the gallery's folder (None: in the run's folder). Raises
    DreambenchError if something is missing or is not what the run was made with.
    """
    prepared = _prepared_again(run, data, base)
    chosen = _chosen(run, prepared, subjects)
    suited = tuple(s for s in chosen if prompts.for_category(s.category))
    if not suited:
        names = ", ".join(s.name for s in chosen)
        raise DreambenchError(
            f"no prompt of {prompts.name} applies to {names}", "give other --subjects, or other --prompts"
        )
    record = GalleryRecord(
        run=run.record.name,
        images_key=run.record.spec.images_key,
        preset=run.record.spec.preset,
        method=run.record.spec.method.name,
        prompts=prompts,
        images=run.record.spec.images_per_prompt if images is None else images,
        seed=run.record.spec.seed if seed is None else seed,
        subjects={s.name: _described(prepared, s) for s in suited},
    )
    path = out or run.galleries_folder / record.folder_name
    refuse_other(path, record)
    cut = _cut_prompts(prepared, GalleryFolder(path, record))
    return GalleryPlan(run, prepared, suited, record.model_copy(update={"notes": cut}), path)


def draw_gallery(
    plan: GalleryPlan,
    reporter: ProgressListener,
    on_subject: Callable[[GalleryFolder, str], object] = lambda gallery, subject: None,
    keep_checkpoints: bool = False,
) -> GalleryFolder:
    """Draw the missing images of a gallery, subject by subject, and return its folder.

    ``on_subject`` is called when a subject is complete. ``keep_checkpoints`` stores weights that were trained
    again in the run's folder. After KeyboardInterrupt, the same call resumes the gallery.
    """
    with locked_gallery(plan.path, plan.record) as gallery:
        with ends_are_recorded(gallery.save_record):
            reporter.start("subjects", len(plan.subjects))
            for subject in plan.subjects:
                if gallery.missing(subject.name):
                    _draw_subject(plan, gallery, subject, reporter)
                weights = gallery.weights_folder(subject.name)
                keep_or_remove(weights, plan.run.checkpoint_folder(subject.name), keep_checkpoints)
                on_subject(gallery, subject.name)
                reporter.advance("subjects")
            reporter.finish("subjects")
        gallery.save_record(status="complete")
    return gallery


def _prepared_again(run: RunFolder, data: str | None, base: str | None) -> Prepared:
    record = run.record
    if record.kind != "run":
        raise DreambenchError(
            f"{run.path} contains scores of images that were made elsewhere",
            "give a folder that `dreambench run` made",
        )
    spec = record.spec
    if data is not None:
        spec = spec.evolve(data={"folder": data})
    if base is not None:
        spec = spec.evolve(base={"model": base})
    if not spec.identifier.text:  # a run of an earlier version has its identifier only in its log
        spec = spec.evolve(identifier={"drawn": record.identifier})
    prepared = prepare(spec)
    asked = record.spec.evolve(identifier={"drawn": prepared.spec.identifier.drawn})
    changed = differences(prepared.spec, asked)
    refuse_differences(
        f"{run.path} was made with other files than those found now",
        changed,
        "give the run's own with --data and --base",
        lead="",
    )
    return prepared


def _chosen(run: RunFolder, prepared: Prepared, names: Sequence[str] | None) -> tuple[Subject, ...]:
    if names is None:
        return prepared.subjects
    chosen = prepared.dataset.select(list(names))
    absent = [s.name for s in chosen if s.name not in run.record.subjects]
    if absent:
        raise DreambenchError(
            f"subject {absent[0]!r} is not in the run {run.path}", f"it has {', '.join(run.record.subjects)}"
        )
    return chosen


def _described(prepared: Prepared, subject: Subject) -> GallerySubject:
    words = prepared.words(subject)
    return GallerySubject(
        class_noun=subject.class_noun,
        category=subject.category,
        identifier=words.identifier,
        called=words.class_noun,
        photos=[photo.path.resolve().as_posix() for photo in subject.photos],
    )


def _cut_prompts(prepared: Prepared, gallery: GalleryFolder) -> list[str]:
    """Return a note on prompts that the text encoder truncates; the libraries do it silently."""
    tokenizer = prepared.base.tokenizer
    prompts = {image.prompt for subject in gallery.record.subjects for image in gallery.images(subject)}
    limit = tokenizer.model_max_length
    cut = sorted(p for p in prompts if len(tokenizer(p)["input_ids"]) > limit)
    if not cut:
        return []
    return [
        f"{len(cut)} of {len(prompts)} prompts are longer than the model's {limit} tokens and are truncated. "
        f"The first: {cut[0]}"
    ]


def _draw_subject(
    plan: GalleryPlan, gallery: GalleryFolder, subject: Subject, reporter: ProgressListener
) -> None:
    drawer = _personalized(plan, gallery, subject, reporter)
    requests, bar = gallery.images(subject.name), images_bar(subject)
    draw_images(plan.prepared, drawer.pipeline, [requests], bar, reporter, drawer.call_arguments)


def _weights(plan: GalleryPlan, gallery: GalleryFolder, subject: Subject) -> tuple[Path, Path]:
    return plan.run.checkpoint_folder(subject.name), gallery.weights_folder(subject.name)


def _personalized(
    plan: GalleryPlan, gallery: GalleryFolder, subject: Subject, reporter: ProgressListener
) -> Personalized:
    prepared = plan.prepared
    checkpoint, scratch = _weights(plan, gallery, subject)
    if checkpoint.exists():
        context = method_context(prepared, subject, reporter)
        return prepared.method.load(checkpoint, prepared.base, context)
    return personalize(prepared, subject, scratch, reporter)
