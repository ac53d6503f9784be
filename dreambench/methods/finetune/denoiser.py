"""Training of a denoiser on a subject's photos, as DreamBooth and its LoRA share it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dreambench.methods.finetune.finetune_options import FineTuneOptions
from dreambench.methods.method import Context, LossRow, SubjectPhrase
from dreambench.spec.run_spec import RunSpec

if TYPE_CHECKING:
    from dreambench.dataset import Subject
    from dreambench.methods.finetune.latents import Posteriors
    from dreambench.models.base_model import BaseModel


def train_denoiser(
    subject: Subject,
    base: BaseModel,
    spec: RunSpec,
    context: Context,
    unet: Any,
    text_encoder: Any | None,
    parameters: Sequence[Any],
) -> list[LossRow]:
    """Train on photos of ``a [V] [class noun]`` and, with prior preservation, images of ``a [class noun]``.

    ``parameters`` are those that the optimizer changes, in ``unet`` and in ``text_encoder`` (None: the
    base model's, frozen, whose states are computed once). Without a class noun there is no class to
    preserve, and the loss has no class term. With ``prior_source: base-model`` the class term asks for the
    frozen model's own prediction, which stays in memory beside the trained one. Returns the losses of every
    step.
    """
    from dreambench.methods.finetune.training_step import DenoisingLoss, optimize
    from dreambench.models.schedulers import training_schedule
    from dreambench.seeds import generator

    options = spec.method
    assert isinstance(options, FineTuneOptions)
    context.runtime.compile(unet)
    photos, class_images = _posteriors(subject, base, spec, options, context)
    captions = [SubjectPhrase(context.identifier, subject.class_noun).caption()]
    by_base = options.prior_preservation and options.prior_source == "base-model" and bool(subject.class_noun)
    if class_images is not None or by_base:
        captions.append(SubjectPhrase(None, subject.class_noun).caption())
    loss = DenoisingLoss(
        unet=unet,
        schedule=training_schedule(base.scheduler),
        parameterization=base.parameterization,
        text_states=_text_states(base, text_encoder, captions),
        photos=photos,
        class_images=class_images,
        batch_size=options.batch_size,
        prior_preservation_weight=options.prior_preservation_weight,
        generator=generator(spec.seed, subject.name, "training"),
        runtime=context.runtime,
        base_prediction=_base_prediction(base, captions[-1], context) if by_base else None,
    )
    return optimize(parameters, loss, options, subject.name, context.on_step)


def enable_checkpointing(context: Context, unet: Any, text_encoder: Any | None) -> None:
    """Turn on gradient checkpointing if the spec asks for it."""
    if context.runtime.spec.gradient_checkpointing:
        unet.enable_gradient_checkpointing()
        if text_encoder is not None:
            text_encoder.gradient_checkpointing_enable()


def _posteriors(
    subject: Subject, base: BaseModel, spec: RunSpec, options: FineTuneOptions, context: Context
) -> tuple[Posteriors, Posteriors | None]:
    from dreambench.methods.finetune.latents import cached_posteriors, encode_posteriors

    vae = base.frozen("vae")
    photos = encode_posteriors(vae, [photo.path for photo in subject.photos], spec.image_size)
    if options.class_image_needs() is None or not subject.class_noun:
        return photos, None
    chosen = context.class_images(subject.class_noun, options.class_sampler, options.class_images)
    return photos, cached_posteriors(vae, chosen.images, spec.image_size, chosen.latents)


def _base_prediction(base: BaseModel, caption: str, context: Context) -> Any:
    """Return the frozen model's prediction for noisy latents [b, c, h, w] at timesteps [b] of a caption."""
    import torch

    unet = base.frozen("unet")
    states = _text_states(base, None, [caption])()

    def predict(noisy: Any, timesteps: Any) -> Any:
        with torch.no_grad(), context.runtime.autocast():
            return unet(noisy, timesteps, states.expand(len(noisy), -1, -1), return_dict=False)[0]

    return predict


def tokens_of(tokenizer: Any, captions: Sequence[str], device: Any) -> Any:
    """Return the token ids int64 [n, context length] of captions, as Stable Diffusion pads them."""
    return tokenizer(
        list(captions),
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    ).input_ids.to(device)


def _text_states(base: BaseModel, trained_encoder: Any | None, captions: list[str]) -> Any:
    import torch

    tokens = tokens_of(base.tokenizer, captions, base.device)
    if trained_encoder is not None:
        return lambda: trained_encoder(tokens)[0]
    with torch.no_grad():
        states = base.frozen("text_encoder")(tokens)[0]
    return lambda: states
