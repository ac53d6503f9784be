"""Training of a denoiser on a subject's photos, as DreamBooth and its LoRA share it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dreambench.dataset import Subject
from dreambench.methods.finetune.finetune_options import FineTuneOptions
from dreambench.methods.method import Context, LossRow, Personalized, SubjectPhrase
from dreambench.models.base_model import BaseModel
from dreambench.models.families.conditioning import repeat_each
from dreambench.seeds import generator
from dreambench.spec.run_spec import RunSpec

if TYPE_CHECKING:
    from dreambench.methods.finetune.latents import Posteriors
    from dreambench.models.families.family import Noisy


def fine_tune(
    subject: Subject, base: BaseModel, spec: RunSpec, context: Context, trained: Mapping[str, Any]
) -> Personalized:
    """Train the weights of ``trained`` that require a gradient, and return the pipeline with them.

    ``trained`` are new components by name, as for ``train_denoiser``.
    """
    base.release(*trained)
    enable_checkpointing(context, trained)
    parameters = [p for module in trained.values() for p in module.parameters() if p.requires_grad]
    losses = train_denoiser(subject, base, spec, context, trained, parameters)
    for module in trained.values():
        module.requires_grad_(False)
    return Personalized(base.pipeline(**trained), trained, losses)


def train_denoiser(
    subject: Subject,
    base: BaseModel,
    spec: RunSpec,
    context: Context,
    trained: Mapping[str, Any],
    parameters: Sequence[Any],
) -> list[LossRow]:
    """Train on photos of ``a [V] [class noun]`` and, with prior preservation, images of ``a [class noun]``.

    ``trained`` are the denoiser and the text encoders that change, by component; the states of other text
    encoders are computed once. ``parameters`` are those that the optimizer changes. Without a class noun
    there is no class to preserve, and the loss has no class term. With ``prior_source: base-model`` the
    class term asks for the frozen model's own prediction, which stays in memory beside the trained one.
    Returns the losses of every step.
    """
    from dreambench.methods.finetune.training_step import DenoisingLoss, optimize

    options, family = spec.method, base.family
    assert isinstance(options, FineTuneOptions)
    denoiser = trained[family.denoiser]
    context.runtime.compile(denoiser)
    captions = [SubjectPhrase(context.identifier, subject.class_noun).caption()]
    photos, class_images = _posteriors(subject, base, spec, options, context)
    by_base = options.prior_preservation and options.prior_source == "base-model" and bool(subject.class_noun)
    if class_images is not None or by_base:
        captions.append(SubjectPhrase(None, subject.class_noun).caption())
    loss = DenoisingLoss(
        denoiser=denoiser,
        family=family,
        schedule=family.schedule(base.scheduler),
        conditioning=family.states(base, captions, trained),
        photos=photos,
        class_images=class_images,
        batch_size=options.batch_size,
        prior_preservation_weight=options.prior_preservation_weight,
        generator=generator(spec.seed, subject.name, "training"),
        runtime=context.runtime,
        image_size=spec.image_size,
        base_prediction=_base_prediction(base, captions[-1], spec, context, trained) if by_base else None,
    )
    return optimize(parameters, loss, options, subject.name, context.on_step)


def enable_checkpointing(context: Context, trained: Mapping[str, Any]) -> None:
    """Turn on gradient checkpointing if the spec asks for it."""
    if not context.runtime.spec.gradient_checkpointing:
        return
    # diffusers' name for it, transformers', and transformers' until it was renamed.
    names = ("enable_gradient_checkpointing", "activation_checkpointing_enable")
    for module in trained.values():
        known = (name for name in names if hasattr(module, name))
        getattr(module, next(known, "gradient_checkpointing_enable"))()


def _posteriors(
    subject: Subject, base: BaseModel, spec: RunSpec, options: FineTuneOptions, context: Context
) -> tuple[Posteriors, Posteriors | None]:
    from dreambench.methods.finetune.latents import cached_posteriors, encode_posteriors

    photos = encode_posteriors(base, [photo.path for photo in subject.photos], spec.image_size)
    if options.class_image_needs() is None or not subject.class_noun:
        return photos, None
    chosen = context.class_images(subject.class_noun, options.class_sampler, options.class_images)
    return photos, cached_posteriors(base, chosen.images, spec.image_size, chosen.latents, context.say)


def _base_prediction(
    base: BaseModel, caption: str, spec: RunSpec, context: Context, trained: Mapping[str, Any]
) -> Any:
    """Return the frozen model's prediction for noisy latents [b, c, h, w] of a caption."""
    import torch

    family = base.family
    states = family.states(base, [caption], {})()
    base.release(*(trained.keys() - {family.denoiser}))
    adapted = _adapter_layers(trained[family.denoiser])
    denoiser = trained[family.denoiser] if adapted else base.frozen(family.denoiser)

    def predict(noisy: Noisy) -> Any:
        conditioning = repeat_each(states, len(noisy.latents))
        with torch.no_grad(), context.runtime.autocast(), _without_adapters(denoiser, adapted):
            return family.predict(denoiser, noisy, conditioning, spec.image_size)

    return predict


def _adapter_layers(denoiser: Any) -> list[Any]:
    """Return peft's layers of a module of which only adapters are trained; none of another."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    trained = [name for name, weight in denoiser.named_parameters() if weight.requires_grad]
    layers = [layer for layer in denoiser.modules() if isinstance(layer, BaseTunerLayer)]
    return layers if all("lora_" in name for name in trained) else []


@contextmanager
def _without_adapters(denoiser: Any, adapted: Sequence[Any]) -> Iterator[None]:
    """The context in which a module says what it said before it had adapters; nothing is done without any."""
    was_training = denoiser.training
    denoiser.eval()
    for layer in adapted:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in adapted:
            layer.enable_adapters(True)
        denoiser.train(was_training)
