"""The contract of a method: photos of a subject in, a personalized pipeline out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from dreambench.dataset import Subject
from dreambench.models.base_model import BaseModel
from dreambench.spec.method_options import MethodOptions
from dreambench.spec.run_spec import RunSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreambench.models.device import Runtime
    from dreambench.store.class_image_set import ClassImageSet


@dataclass(frozen=True)
class SubjectPhrase:
    """The subject's name in a prompt: an identifier and a class noun, either of which may be absent."""

    identifier: str | None
    class_noun: str | None

    def caption(self) -> str:
        """Return ``a [identifier] [class noun]``, without the absent parts."""
        return " ".join(filter(None, ("a", self.identifier, self.class_noun)))


@dataclass(frozen=True)
class LossRow:
    """The losses of one training step: photo term, class term (NaN if there is none), their weighted sum."""

    step: int
    photo: float
    prior: float
    total: float


@dataclass
class Personalized:
    """A pipeline that draws the subject, the trained weights, and the losses of the training.

    ``trained`` contains what the method's ``save`` writes: for fine-tuning the trained components by name.
    ``call_arguments`` are further arguments of each call of the pipeline, such as photos that it is shown.
    """

    pipeline: Any
    trained: Mapping[str, Any] = field(default_factory=dict)
    losses: Sequence[LossRow] = ()
    call_arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """What a run provides to its method: the device, the identifier, the class images, a progress callback.

    ``class_images(noun, sampler, count)`` returns the frozen model's images of ``a [noun]``, made once
    and shared. ``on_step(done, total)`` updates the progress bar, and ``say`` shows a line.
    """

    runtime: Runtime
    identifier: str
    class_images: Callable[[str, Any, int], ClassImageSet]
    on_step: Callable[[int, int], None] = lambda done, total: None
    say: Callable[[str], None] = lambda line: None


class Method(Protocol):
    """The contract of a method; its entry point gives it its ``name``.

    ``personalize`` must depend only on its arguments: the same spec and subject give the same weights,
    whatever was trained before. An optional function ``phrase(subject, identifier)`` returns the
    SubjectPhrase of prompts; another, ``check(base, spec)``, raises DreambenchError for what the method
    cannot do, before anything is written.
    """

    name: ClassVar[str]
    Options: ClassVar[type[MethodOptions]]

    def personalize(self, subject: Subject, base: BaseModel, spec: RunSpec, context: Context) -> Personalized:
        """Adapt the base model to the subject's photos."""
        ...

    def save(self, personalized: Personalized, folder: Path) -> None:
        """Write the trained weights to ``folder`` as safetensors, in diffusers' layout."""
        ...

    def load(self, folder: Path, base: BaseModel, context: Context) -> Personalized:
        """Load the trained weights that ``save`` wrote to ``folder``."""
        ...


def subject_phrase(method: Method, subject: Subject, identifier: str) -> SubjectPhrase:
    """Return the subject's name in the evaluation's prompts: ``[identifier] [class noun]``.

    A method's own ``phrase(subject, identifier)``, if it exists, replaces it. ``subject`` is the one that
    the method was given, with its ablated class noun.
    """
    own = getattr(method, "phrase", None)
    if own is not None:
        phrase: SubjectPhrase = own(subject, identifier)
        return phrase
    return SubjectPhrase(identifier, subject.class_noun)
