"""No personalization: the base model, prompted with the class noun only. The floor of every comparison."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from dreambench.dataset import Subject
from dreambench.methods.method import Context, Personalized, SubjectPhrase
from dreambench.models.base_model import BaseModel
from dreambench.spec.method_options import MethodOptions
from dreambench.spec.run_spec import RunSpec


class PretrainedOptions(MethodOptions):
    """No hyperparameters, because nothing is trained."""

    name: str = "pretrained"

    def trains(self) -> bool:
        """Return False: no weights change."""
        return False


class Pretrained:
    """Draws ``a [class noun] ...`` with the unchanged base model."""

    name: ClassVar[str]
    Options: ClassVar[type[MethodOptions]] = PretrainedOptions

    def phrase(self, subject: Subject, identifier: str) -> SubjectPhrase:
        """Return the class noun only, because this model has not learned an identifier."""
        return SubjectPhrase(None, subject.class_noun)

    def personalize(self, subject: Subject, base: BaseModel, spec: RunSpec, context: Context) -> Personalized:
        """Return the base model's pipeline."""
        return Personalized(base.pipeline())

    def save(self, personalized: Personalized, folder: Path) -> None:
        """Write nothing, because nothing was trained."""

    def load(self, folder: Path, base: BaseModel, context: Context) -> Personalized:
        """Return the base model's pipeline."""
        return Personalized(base.pipeline())
