"""study.json: everything that is fixed when a study is created; what raters add is in study.db."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dreambench.spec.frozen import Frozen
from dreambench.spec.version import __version__

StudyName = Literal["subject", "prompt"]
STUDIES: tuple[StudyName, ...] = ("subject", "prompt")

# Random, so that a name reveals nothing, and strict, so that no name leads out of the study's folder.
PictureName = Annotated[str, Field(pattern=r"^[0-9a-f]{16}\.webp$")]
ItemName = Annotated[str, Field(pattern=r"^[a-z]{1,12}-[0-9]{1,9}$")]


class RunNote(Frozen):
    """One of the two compared runs: its name in tables, and its method where dreambench made its images."""

    name: str
    method: str | None = None
    base: str | None = None


class Pair(Frozen):
    """One image of each run for the same subject and prompt.

    ``file_a`` and ``file_b`` are the entries of the runs' score tables, column ``file``; ``picture_a``
    and ``picture_b`` their copies in the study. ``text`` is the prompt without the identifier.
    """

    name: ItemName
    study: StudyName
    questionnaire: int
    subject: str
    prompt_index: int
    text: str
    file_a: str
    file_b: str
    picture_a: PictureName
    picture_b: PictureName


class AttentionCheck(Frozen):
    """An attention check: a photo of the subject (``picture_a``) against one of another kind of thing.

    ``text`` names the subject's class. The photo in question is not among the ``photos`` that are shown.
    """

    name: ItemName
    study: StudyName
    questionnaire: int
    subject: str
    text: str
    picture_a: PictureName
    picture_b: PictureName
    photos: tuple[PictureName, ...]


class Step(Frozen):
    """A question as one rater sees it; ``swapped`` shows ``picture_a`` on the right, under the letter B."""

    item: ItemName
    swapped: bool


class Rater(Frozen):
    """A rater's pseudonym, study and questionnaire, and the questions in this rater's order."""

    name: str
    study: StudyName
    questionnaire: int
    steps: tuple[Step, ...]


class StudyPlan(Frozen):
    """The whole study. ``photos`` are the reference pictures of each subject.

    A plan that names an unknown item or a subject without photos does not validate.
    """

    schema_version: Literal[1] = 1
    dreambench: str = __version__
    created: str
    seed: int
    contact: str | None = None
    run_a: RunNote
    run_b: RunNote
    photos: dict[str, tuple[PictureName, ...]]
    pairs: tuple[Pair, ...]
    checks: tuple[AttentionCheck, ...]
    raters: tuple[Rater, ...]

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        items = self.items
        if len(items) != len(self.pairs) + len(self.checks):
            raise ValueError("two questions share a name")
        for rater in self.raters:
            for step in rater.steps:
                if step.item not in items:
                    raise ValueError(f"rater {rater.name} is asked {step.item}, which does not exist")
        bare = {p.subject for p in self.pairs if p.study == "subject"} - {
            s for s, f in self.photos.items() if f
        }
        if bare:
            raise ValueError(f"subject {min(bare)} has no photos")
        return self

    @property
    def items(self) -> dict[str, Pair | AttentionCheck]:
        """The pairs and checks by name."""
        found: dict[str, Pair | AttentionCheck] = {pair.name: pair for pair in self.pairs}
        return found | {check.name: check for check in self.checks}

    @property
    def studies(self) -> tuple[StudyName, ...]:
        """The studies that were asked for, in the paper's order."""
        present = {rater.study for rater in self.raters}
        return tuple(study for study in STUDIES if study in present)

    def pictures_of(self, item: Pair | AttentionCheck) -> set[str]:
        """Return every picture of a question."""
        return {item.picture_a, item.picture_b, *self.shown_photos(item)}

    def shown_photos(self, item: Pair | AttentionCheck) -> tuple[str, ...]:
        """Return the reference pictures beside a question; only the subject study has any."""
        if item.study != "subject":
            return ()
        return item.photos if isinstance(item, AttentionCheck) else self.photos[item.subject]
