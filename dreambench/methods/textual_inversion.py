"""Textual Inversion: new tokens for a frozen model (Gal et al. 2022, arXiv 2208.01618)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, field_validator

from dreambench.dataset import Subject
from dreambench.errors import DreambenchError
from dreambench.methods.finetune.finetune_options import FineTuneOptions, check_fine_tuning
from dreambench.methods.learned_tokens import LearnedTokens, pool_at
from dreambench.methods.method import Context, Personalized, SubjectPhrase
from dreambench.models.base_model import BaseModel
from dreambench.models.families.diffusion import tokens_of
from dreambench.seeds import generator
from dreambench.spec.method_options import MethodOptions
from dreambench.spec.run_spec import RunSpec

#: The word in prompts that replaces identifier and class noun.
PLACEHOLDER = "<subject>"
_FILE = "learned_embeds.safetensors"
#: Neutral contexts, a subset of CLIP's ImageNet templates (Gal et al. 2022, section 4 and supplement).
NEUTRAL_TEMPLATES = (
    "a photo of a {}",
    "a rendering of a {}",
    "a cropped photo of the {}",
    "the photo of a {}",
    "a photo of a clean {}",
    "a photo of a dirty {}",
    "a dark photo of the {}",
    "a photo of my {}",
    "a photo of the cool {}",
    "a close-up photo of a {}",
    "a bright photo of the {}",
    "a cropped photo of a {}",
    "a photo of the {}",
    "a good photo of the {}",
    "a photo of one {}",
    "a close-up photo of the {}",
    "a rendition of the {}",
    "a photo of the clean {}",
    "a rendition of a {}",
    "a photo of a nice {}",
    "a good photo of a {}",
    "a photo of the nice {}",
    "a photo of the small {}",
    "a photo of the weird {}",
    "a photo of the large {}",
    "a photo of a cool {}",
    "a photo of a small {}",
)


class TextualInversionOptions(FineTuneOptions):
    """The authors' hyperparameters for Stable Diffusion: 6,100 steps, batch 2, rate 0.005 times the batch.

    Source: ``configs/stable-diffusion/v1-finetune.yaml`` of their repository (rinongal/textual_inversion),
    which scales the base rate by the batch. (Section 4's 5,000 steps at 0.005 x 8 are for the 1.4 B LDM.)
    ``vectors`` is the number of new tokens. ``templates`` are the captions, in which ``{}`` stands for the
    new tokens. ``random_flip`` adds the mirror image of every photo.
    """

    without_effect: ClassVar[frozenset[str]] = frozenset(
        {"class_images", "class_sampler", "prior_preservation_weight", "prior_source"}
    )
    adds_weights: ClassVar[bool] = True
    encodes_in_steps: ClassVar[bool] = True
    name: str = "textual-inversion"
    learning_rate: float = Field(default=0.01, gt=0, le=1)
    steps: int = Field(default=6100, ge=1, le=1_000_000)
    batch_size: int = Field(default=2, ge=1, le=1024)
    train_text_encoder: bool = False
    prior_preservation: bool = False
    vectors: int = Field(default=1, ge=1, le=32)
    templates: tuple[str, ...] = Field(default=NEUTRAL_TEMPLATES, min_length=1)
    random_flip: bool = True

    def trained_parameters(self, shapes: Mapping[str, Mapping[str, tuple[int, ...]]], family: Any) -> int:
        """Return the new tokens' embeddings, as wide as each text encoder's."""
        weights = [item for name in family.text_encoders() for item in shapes.get(name, {}).items()]
        widths = [shape[-1] for name, shape in weights if name.endswith("token_embedding.weight")]
        return self.vectors * sum(widths)

    @field_validator("templates")
    @classmethod
    def _have_one_placeholder(cls, templates: tuple[str, ...]) -> tuple[str, ...]:
        if bad := [t for t in templates if t.count("{}") != 1]:
            raise ValueError(f"template {bad[0]!r} needs one {{}} for the new tokens")
        return templates

    @field_validator("train_text_encoder", "prior_preservation")
    @classmethod
    def _trains_embeddings_only(cls, value: bool) -> bool:
        if value:
            raise ValueError("Textual Inversion trains the embeddings of new tokens only")
        return value


class TextualInversion:
    """Trains only the embedding of one new token (or several), starting from the class noun's."""

    name: ClassVar[str]
    Options: ClassVar[type[MethodOptions]] = TextualInversionOptions

    def check(self, base: BaseModel, spec: RunSpec) -> None:
        """Refuse families whose text encoders do not learn words."""
        if not base.family.learned_words:
            raise DreambenchError(
                f"method textual-inversion does not learn words for {base.family.name} models",
                "use --method dreambooth-lora",
            )
        check_fine_tuning(base, spec)

    def phrase(self, subject: Subject, identifier: str) -> SubjectPhrase:
        """Return the new word, which replaces identifier and class noun."""
        return SubjectPhrase(PLACEHOLDER, None)

    def personalize(self, subject: Subject, base: BaseModel, spec: RunSpec, context: Context) -> Personalized:
        """Train the new embeddings on the subject's photos."""
        from dreambench.methods.finetune.denoiser import enable_checkpointing
        from dreambench.methods.finetune.training_step import optimize

        options = spec.method
        assert isinstance(options, TextualInversionOptions)
        enable_checkpointing(context, {"unet": base.frozen("unet")})
        learned, loss = _loss(subject, base, spec, options, context)
        losses = optimize([each.embeddings for each in learned], loss, options, subject.name, context.on_step)
        found = [each.embeddings.detach().float().cpu().contiguous() for each in learned]
        embeddings = dict(zip(_keys(base), found, strict=True))
        return Personalized(_pipeline(base, embeddings), embeddings, losses)

    def save(self, personalized: Personalized, folder: Path) -> None:
        """Write ``learned_embeds.safetensors``, which diffusers' ``load_textual_inversion`` reads.

        For SDXL it has the embeddings of both encoders, ``clip_l`` and ``clip_g``, as diffusers names them.
        """
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        save_file(dict(personalized.trained), folder / _FILE)

    def load(self, folder: Path, base: BaseModel, context: Context) -> Personalized:
        """Read the embeddings that ``save`` wrote."""
        from safetensors.torch import load_file

        embeddings = load_file(folder / _FILE)
        return Personalized(_pipeline(base, embeddings), embeddings)


def _keys(base: BaseModel) -> tuple[str, ...]:
    """Return what the embeddings of each text encoder are called in the file."""
    return (PLACEHOLDER,) if len(base.family.text_encoders()) == 1 else ("clip_l", "clip_g")


def _pipeline(base: BaseModel, embeddings: Mapping[str, Any]) -> Any:
    encoders = {name: base.fresh(name).requires_grad_(False) for name in base.family.text_encoders()}
    tokenizers = {name: base.fresh_tokenizer(name) for name in base.family.tokenizers}
    pipeline = base.pipeline(**encoders, **tokenizers)
    places = zip(_keys(base), encoders.values(), tokenizers.values(), strict=True)
    for key, encoder, tokenizer in places:
        learned = {PLACEHOLDER: embeddings[key]}
        pipeline.load_textual_inversion(learned, PLACEHOLDER, tokenizer=tokenizer, text_encoder=encoder)
        # diffusers resizes the embedding table, which makes it a new, trainable parameter.
        encoder.requires_grad_(False)
        pool_at(encoder, tokenizer.eos_token_id)
    return pipeline


def _loss(
    subject: Subject, base: BaseModel, spec: RunSpec, options: TextualInversionOptions, context: Context
) -> tuple[list[LearnedTokens], Any]:
    """Return the new tokens of each text encoder, and the DenoisingLoss on the subject's photos."""
    from dreambench.methods.finetune.latents import encode_posteriors
    from dreambench.methods.finetune.training_step import DenoisingLoss

    rng = generator(spec.seed, subject.name, "training")
    learned, conditioning = _learned(subject, base, options, rng)
    files = [photo.path for photo in subject.photos]
    photos = encode_posteriors(base, files, spec.image_size, mirrored=options.random_flip)
    loss = DenoisingLoss(
        denoiser=base.frozen("unet"),
        family=base.family,
        schedule=base.family.schedule(base.scheduler),
        conditioning=conditioning,
        photos=photos,
        class_images=None,
        batch_size=options.batch_size,
        prior_preservation_weight=0.0,
        generator=rng,
        runtime=context.runtime,
        image_size=spec.image_size,
    )
    return learned, loss


def _learned(
    subject: Subject, base: BaseModel, options: TextualInversionOptions, rng: Any
) -> tuple[list[LearnedTokens], Callable[[], Any]]:
    """Return the new tokens of each text encoder, and a function that draws a batch's conditioning."""
    import torch

    # Encoders of their own: the shared ones also encode captions outside of autocast.
    base.release(*base.family.text_encoders())
    learned, tokens = [], []
    for name, component in zip(base.family.text_encoders(), base.family.tokenizers, strict=True):
        tokenizer = base.fresh_tokenizer(component)
        start = tokenizer(subject.class_noun or "object", add_special_tokens=False)["input_ids"]
        if not start:
            raise DreambenchError(
                f"{subject.name}: the class noun has no tokens", "give it another class noun"
            )
        encoder = base.fresh_frozen(name, in_autocast=True).eval()
        learned.append(LearnedTokens(encoder, tokenizer, PLACEHOLDER, start, options.vectors))
        captions = [learned[-1].spelled(template) for template in options.templates]
        tokens.append(tokens_of(tokenizer, captions, base.device))

    def conditioning() -> Any:
        rows = torch.randint(len(tokens[0]), (options.batch_size,), generator=rng)
        pairs = zip(learned, tokens, strict=True)
        outputs = [each.outputs(ids[rows.to(ids.device)]) for each, ids in pairs]
        return base.family.text_conditioning(outputs)

    return learned, conditioning
