"""DreamBooth: full fine-tuning of U-Net and text encoder with prior preservation (Ruiz et al. 2023)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dreambench.methods.base import Context, Personalized
from dreambench.methods.finetune.options import FineTuneOptions
from dreambench.registry import register_method
from dreambench.spec import MethodOptions, RunSpec

if TYPE_CHECKING:
    from dreambench.benchmark import Subject
    from dreambench.methods.finetune.latents import Posteriors
    from dreambench.models.base import BaseModel


class DreamBoothOptions(FineTuneOptions):
    """DreamBooth's hyperparameters; the defaults are the paper's for Stable Diffusion."""

    name: str = "dreambooth"


@register_method("dreambooth")
class DreamBooth:
    """Fine-tunes the U-Net, and the text encoder if asked, on photos captioned ``a [V] [class noun]``."""

    name: ClassVar[str]
    Options: ClassVar[type[MethodOptions]] = DreamBoothOptions

    def personalize(self, subject: Subject, base: BaseModel, spec: RunSpec, context: Context) -> Personalized:
        """Train on the subject's photos, and on class images with prior preservation."""
        from dreambench.methods.finetune.loop import optimize
        from dreambench.methods.finetune.task import DenoisingTask
        from dreambench.models.schedulers import training_schedule
        from dreambench.seeds import generator

        options = spec.method
        assert isinstance(options, FineTuneOptions)
        photos, class_images = _posteriors(subject, base, spec, options, context)
        trained = _trainable(base, options, context)
        captions = [f"a {context.identifier} {subject.class_noun}", f"a {subject.class_noun}"]
        task = DenoisingTask(
            unet=trained["unet"],
            schedule=training_schedule(base.scheduler),
            parameterization=base.parameterization,
            text_states=_text_states(base, trained.get("text_encoder"), captions[: 1 + bool(class_images)]),
            photos=photos,
            class_images=class_images,
            batch_size=options.batch_size,
            prior_preservation_weight=options.prior_preservation_weight,
            generator=generator(spec.seed, subject.name, "training"),
            runtime=context.runtime,
        )
        parameters = [p for module in trained.values() for p in module.parameters()]
        losses = optimize(parameters, task.terms, options, context.runtime, subject.name, context.on_step)
        for module in trained.values():
            module.requires_grad_(False)
        return Personalized(base.pipeline(**trained), trained, losses)

    def save(self, personalized: Personalized, folder: Path) -> None:
        """Write the trained components as diffusers and transformers write them, in safetensors."""
        for component, module in personalized.trained.items():
            module.save_pretrained(folder / component, safe_serialization=True)

    def load(self, folder: Path, base: BaseModel, context: Context) -> Personalized:
        """Read the components that ``save`` wrote; all others are the base model's."""
        from dreambench.models.base import component_class, load_module

        trained = {}
        for inside in sorted(p for p in folder.iterdir() if p.is_dir()):
            module = load_module(component_class(inside.name), inside)
            trained[inside.name] = module.to(base.device).requires_grad_(False)
        return Personalized(base.pipeline(**trained), trained)


def _posteriors(
    subject: Subject, base: BaseModel, spec: RunSpec, options: FineTuneOptions, context: Context
) -> tuple[Posteriors, Posteriors | None]:
    from dreambench.methods.finetune.latents import cached_posteriors, encode_posteriors

    vae = base.frozen("vae")
    photos = encode_posteriors(vae, [photo.path for photo in subject.photos], spec.image_size)
    if not options.prior_preservation:
        return photos, None
    found = context.class_images(subject.class_noun, options.class_sampler, options.class_images)
    return photos, cached_posteriors(vae, found.images, spec.image_size, found.latents)


def _trainable(base: BaseModel, options: FineTuneOptions, context: Context) -> dict[str, Any]:
    names = ["unet", "text_encoder"] if options.train_text_encoder else ["unet"]
    trained = {name: base.fresh(name).train().requires_grad_(True) for name in names}
    base.release(*names)
    if context.runtime.spec.gradient_checkpointing:
        trained["unet"].enable_gradient_checkpointing()
        if "text_encoder" in trained:
            trained["text_encoder"].gradient_checkpointing_enable()
    return trained


def _text_states(base: BaseModel, trained_encoder: Any, captions: list[str]) -> Any:
    import torch

    tokens = base.tokenizer(
        captions,
        padding="max_length",
        max_length=base.tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    ).input_ids.to(base.device)
    if trained_encoder is not None:
        return lambda: trained_encoder(tokens)[0]
    with torch.no_grad():
        states = base.frozen("text_encoder")(tokens)[0]
    return lambda: states
