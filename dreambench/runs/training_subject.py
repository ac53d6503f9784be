"""The subject as training sees it: its class noun and photos after the spec's ablations."""

from __future__ import annotations

from dataclasses import replace

from dreambench.dataset import Photo, Subject, official_subjects
from dreambench.errors import DreambenchError
from dreambench.spec.run_spec import ClassNounSpec, RunSpec


def training_subject(spec: RunSpec, subject: Subject) -> Subject:
    """Return the subject with the class noun and the photos that a spec trains it with.

    An absent noun is "". The photo that the method chose comes first. Scores always use the unchanged
    subject: captions with its own noun, and all its photos. Raises DreambenchError if it has fewer photos
    than ``spec.training_photos``, or lacks the chosen one.
    """
    wanted = spec.training_photos
    if wanted is not None and wanted > len(subject.photos):
        raise DreambenchError(
            f"training_photos={wanted}, but {subject.name} has {len(subject.photos)} photos",
            "use fewer photos, or other --subjects",
        )
    noun = training_noun(spec.class_noun, subject)
    return replace(subject, class_noun=noun, photos=_chosen_first(spec, subject)[:wanted])


def _chosen_first(spec: RunSpec, subject: Subject) -> tuple[Photo, ...]:
    """Return the subject's photos, with the one that the method shows first."""
    shown = spec.method.shown_photos()
    if shown is None:
        return subject.photos
    name = shown.get(subject.name)
    found = next((photo for photo in subject.photos if photo.path.name == name), None)
    if found is None:
        count = len(subject.photos)
        raise DreambenchError(
            f"method.photo={getattr(spec.method, 'photo', name)}, but {subject.name} has {count} "
            f"photo{'s' if count > 1 else ''}",
            "name another photo, or omit the subject",
        )
    return (found, *(photo for photo in subject.photos if photo != found))


def training_noun(spec: ClassNounSpec, subject: Subject) -> str:
    """Return the noun of a subject's training and prompts: "" for none (paper, section 4.3 and Table 4)."""
    from dreambench.seeds import stable_seed

    if spec.variant == "correct":
        return subject.class_noun
    if spec.variant == "none":
        return ""
    others = sorted({s.class_noun for s in official_subjects()} - {subject.class_noun})
    return others[stable_seed("wrong class noun", spec.seed, subject.name) % len(others)]


def noun_note(spec: RunSpec, subjects: tuple[Subject, ...]) -> list[str]:
    """Return a run log's note on nouns that are not the subjects' own; empty for the correct nouns."""
    if spec.class_noun.variant == "correct":
        return []
    nouns = ", ".join(f"{s.name}: {training_noun(spec.class_noun, s) or 'none'}" for s in subjects)
    return [
        f"Class noun of training and prompts ({nouns}); CLIP-T is scored against the correct noun's caption."
    ]
