"""Textual Inversion: new words for a frozen model (Gal et al. 2022, arXiv 2208.01618)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, field_validator

from dreambench.errors import DreambenchError
from dreambench.methods.finetune.finetune_options import FineTuneOptions
from dreambench.methods.inversion.templates import NEUTRAL_TEMPLATES
from dreambench.methods.method import Context, Personalized, SubjectPhrase
from dreambench.spec.registries import register_method
from dreambench.spec.run_spec import MethodOptions, RunSpec

if TYPE_CHECKING:
    from dreambench.dataset import Subject
    from dreambench.models.base_model import BaseModel

#: The word that prompts hold instead of identifier and class noun.
PLACEHOLDER = "<subject>"
_FILE = "learned_embeds.safetensors"


class TextualInversionOptions(FineTuneOptions):
    """Gal et al.'s hyperparameters: 5,000 steps at 0.005 times a batch of 8 (section 4).

    ``vectors`` is the number of new tokens; ``templates`` are the captions, ``{}`` stands for the new word;
    ``random_flip`` shows every photo and its mirror image.
    """

    name: str = "textual-inversion"
    learning_rate: float = Field(0.04, gt=0)
    steps: int = Field(5000, ge=1)
    batch_size: int = Field(8, ge=1)
    train_text_encoder: bool = False
    prior_preservation: bool = False
    vectors: int = Field(1, ge=1, le=32)
    templates: tuple[str, ...] = Field(NEUTRAL_TEMPLATES, min_length=1)
    random_flip: bool = True

    @field_validator("templates")
    @classmethod
    def _have_a_place(cls, templates: tuple[str, ...]) -> tuple[str, ...]:
        if bad := [t for t in templates if t.count("{}") != 1]:
            raise ValueError(f"template {bad[0]!r} needs one {{}} for the new word")
        return templates

    @field_validator("train_text_encoder", "prior_preservation")
    @classmethod
    def _trains_words_alone(cls, value: bool) -> bool:
        if value:
            raise ValueError("Textual Inversion trains new words alone")
        return value


@register_method("textual-inversion")
class TextualInversion:
    """Trains the embedding of one new token (or several), started from the class noun's, and nothing else."""

    name: ClassVar[str]
    Options: ClassVar[type[MethodOptions]] = TextualInversionOptions

    def words(self, subject: Subject, identifier: str) -> SubjectPhrase:
        """The new word stands for identifier and class noun."""
        return SubjectPhrase(PLACEHOLDER, None)

    def personalize(self, subject: Subject, base: BaseModel, spec: RunSpec, context: Context) -> Personalized:
        """Train the new embeddings on the subject's photos."""
        from dreambench.methods.finetune.loop import optimize

        options = spec.method
        assert isinstance(options, TextualInversionOptions)
        learned, task = _task(subject, base, spec, options, context)
        losses = optimize([learned], task.terms, options, context.runtime, subject.name, context.on_step)
        embeddings = learned.detach().float().cpu().contiguous()
        return Personalized(_pipeline(base, embeddings), {PLACEHOLDER: embeddings}, losses)

    def save(self, personalized: Personalized, folder: Path) -> None:
        """Write ``learned_embeds.safetensors``, which ``load_textual_inversion`` of diffusers reads."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        save_file(dict(personalized.trained), folder / _FILE)

    def load(self, folder: Path, base: BaseModel, context: Context) -> Personalized:
        """Read the embeddings that ``save`` wrote."""
        from safetensors.torch import load_file

        embeddings = load_file(folder / _FILE)[PLACEHOLDER]
        return Personalized(_pipeline(base, embeddings), {PLACEHOLDER: embeddings})


def _pipeline(base: BaseModel, embeddings: Any) -> Any:
    pipeline = base.pipeline(
        text_encoder=base.fresh("text_encoder").requires_grad_(False), tokenizer=base.fresh_tokenizer()
    )
    pipeline.load_textual_inversion({PLACEHOLDER: embeddings}, token=PLACEHOLDER)
    # Resizing the table makes it a new, trainable parameter.
    pipeline.text_encoder.requires_grad_(False)
    return pipeline


def _task(
    subject: Subject, base: BaseModel, spec: RunSpec, options: TextualInversionOptions, context: Context
) -> tuple[Any, Any]:
    from dreambench.methods.finetune.denoising_loss import DenoisingLoss
    from dreambench.methods.finetune.latents import encode_posteriors
    from dreambench.models.schedulers import training_schedule
    from dreambench.seeds import generator

    draws = generator(spec.seed, subject.name, "training")
    learned, states = _learned_states(subject, base, options, draws, context)
    files = [photo.path for photo in subject.photos]
    photos = encode_posteriors(base.frozen("vae"), files, spec.image_size, mirrored=options.random_flip)
    task = DenoisingLoss(
        unet=base.frozen("unet"),
        schedule=training_schedule(base.scheduler),
        parameterization=base.parameterization,
        text_states=states,
        photos=photos,
        class_images=None,
        batch_size=options.batch_size,
        prior_preservation_weight=0.0,
        generator=draws,
        runtime=context.runtime,
    )
    return learned, task


def _learned_states(
    subject: Subject, base: BaseModel, options: TextualInversionOptions, draws: Any, context: Context
) -> tuple[Any, Callable[[], Any]]:
    """Return the trainable embeddings [k, d], and what draws a batch of captions' states from them."""
    import torch

    from dreambench.methods.finetune.denoiser import tokens_of
    from dreambench.methods.inversion.words import LearnedTokens

    tokenizer = base.fresh_tokenizer()
    start = tokenizer(subject.class_noun or "object", add_special_tokens=False)["input_ids"]
    if not start:
        raise DreambenchError(f"{subject.name}: the class noun has no tokens", "give it another one")
    new_words = LearnedTokens(base.frozen("text_encoder"), tokenizer, PLACEHOLDER, start, options.vectors)
    captions = [new_words.spelled(template) for template in options.templates]
    tokens = tokens_of(tokenizer, captions, base.device)

    def states() -> Any:
        rows = torch.randint(len(tokens), (options.batch_size,), generator=draws)
        return new_words.states(tokens[rows.to(tokens.device)])

    return new_words.embeddings, states
