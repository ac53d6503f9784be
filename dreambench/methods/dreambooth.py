"""DreamBooth: full fine-tuning of U-Net and text encoder with prior preservation (Ruiz et al. 2023)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dreambench.methods.finetune.finetune_options import FineTuneOptions
from dreambench.methods.method import Context, Personalized
from dreambench.spec.run_spec import MethodOptions, RunSpec

if TYPE_CHECKING:
    from dreambench.dataset import Subject
    from dreambench.models.base_model import BaseModel


class DreamBoothOptions(FineTuneOptions):
    """DreamBooth's hyperparameters; the defaults are the paper's for Stable Diffusion."""

    name: str = "dreambooth"


class DreamBooth:
    """Fine-tunes the U-Net, and optionally the text encoder, on photos captioned ``a [V] [class noun]``."""

    name: ClassVar[str]
    Options: ClassVar[type[MethodOptions]] = DreamBoothOptions

    def personalize(self, subject: Subject, base: BaseModel, spec: RunSpec, context: Context) -> Personalized:
        """Train on the subject's photos, and on class images with prior preservation."""
        from dreambench.methods.finetune.denoiser import enable_checkpointing, train_denoiser

        options = spec.method
        assert isinstance(options, DreamBoothOptions)
        names = ["unet", "text_encoder"] if options.train_text_encoder else ["unet"]
        trained: dict[str, Any] = {name: base.fresh(name).train().requires_grad_(True) for name in names}
        base.release(*names)
        modules = trained["unet"], trained.get("text_encoder")
        enable_checkpointing(context, *modules)
        parameters = [p for module in trained.values() for p in module.parameters()]
        losses = train_denoiser(subject, base, spec, context, *modules, parameters)
        for module in trained.values():
            module.requires_grad_(False)
        return Personalized(base.pipeline(**trained), trained, losses)

    def save(self, personalized: Personalized, folder: Path) -> None:
        """Write the trained components in the format of diffusers and transformers, as safetensors."""
        for component, module in personalized.trained.items():
            module.save_pretrained(folder / component, safe_serialization=True)

    def load(self, folder: Path, base: BaseModel, context: Context) -> Personalized:
        """Load the components that ``save`` wrote; all others are the base model's."""
        from dreambench.models.base_model import component_class, load_module

        trained = {}
        for inside in sorted(p for p in folder.iterdir() if p.is_dir()):
            module = load_module(component_class(inside.name), inside)
            trained[inside.name] = module.to(base.device).requires_grad_(False)
        return Personalized(base.pipeline(**trained), trained)
