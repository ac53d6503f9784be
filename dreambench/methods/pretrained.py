"""No personalization: the base model, asked for the class noun alone. The floor of every comparison."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from dreambench.methods.method import Context, Personalized, SubjectPhrase
from dreambench.spec.registries import register_method
from dreambench.spec.run_spec import MethodOptions, RunSpec

if TYPE_CHECKING:
    from dreambench.dataset import Subject
    from dreambench.models.base_model import BaseModel


class PretrainedOptions(MethodOptions):
    """Nothing can be set: nothing is trained."""

    name: str = "pretrained"

    def trains(self) -> bool:
        """No weights change."""
        return False


@register_method("pretrained")
class Pretrained:
    """Draws ``a [class noun] ...`` with the untouched model."""

    name: ClassVar[str]
    Options: ClassVar[type[MethodOptions]] = PretrainedOptions

    def words(self, subject: Subject, identifier: str) -> SubjectPhrase:
        """Prompts hold the class noun alone: an identifier would mean nothing to this model."""
        return SubjectPhrase(None, subject.class_noun)

    def personalize(self, subject: Subject, base: BaseModel, spec: RunSpec, context: Context) -> Personalized:
        """Return the base model's own pipeline."""
        return Personalized(base.pipeline())

    def save(self, personalized: Personalized, folder: Path) -> None:
        """There is nothing to keep."""

    def load(self, folder: Path, base: BaseModel, context: Context) -> Personalized:
        """Return the base model's own pipeline."""
        return Personalized(base.pipeline())
