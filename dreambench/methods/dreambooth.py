"""DreamBooth: full fine-tuning of U-Net and text encoder with prior preservation (Ruiz et al. 2023)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from dreambench.dataset import Subject
from dreambench.errors import DreambenchError
from dreambench.methods.finetune.finetune_options import FineTuneOptions, check_fine_tuning
from dreambench.methods.method import Context, Personalized
from dreambench.models.base_model import BaseModel
from dreambench.models.families.family import class_named
from dreambench.models.load_module import load_module, without_file_bars
from dreambench.spec.method_options import MethodOptions
from dreambench.spec.run_spec import RunSpec


class DreamBoothOptions(FineTuneOptions):
    """DreamBooth's hyperparameters; the defaults are the paper's for Stable Diffusion."""

    name: str = "dreambooth"


class DreamBooth:
    """Fine-tunes the U-Net, and optionally the text encoder, on photos captioned ``a [V] [class noun]``."""

    name: ClassVar[str]
    Options: ClassVar[type[MethodOptions]] = DreamBoothOptions

    def check(self, base: BaseModel, spec: RunSpec) -> None:
        """Refuse a family whose denoiser or text encoders are too large to be trained whole."""
        if not base.family.full_fine_tuning:
            raise DreambenchError(
                f"method dreambooth does not train all weights of {base.family.name} models",
                "use --method dreambooth-lora",
            )
        check_fine_tuning(base, spec)

    def personalize(self, subject: Subject, base: BaseModel, spec: RunSpec, context: Context) -> Personalized:
        """Train on the subject's photos, and on class images with prior preservation."""
        from dreambench.methods.finetune.denoiser import fine_tune

        names = spec.method.trained_components(base.family)
        trained: dict[str, Any] = {name: base.fresh(name).train().requires_grad_(True) for name in names}
        return fine_tune(subject, base, spec, context, trained)

    def save(self, personalized: Personalized, folder: Path) -> None:
        """Write the trained components in the format of diffusers and transformers, as safetensors."""
        for component, module in personalized.trained.items():
            with without_file_bars():
                module.save_pretrained(folder / component, safe_serialization=True)

    def load(self, folder: Path, base: BaseModel, context: Context) -> Personalized:
        """Load the components that ``save`` wrote; all others are the base model's."""
        trained = {}
        for inside in sorted(p for p in folder.iterdir() if p.is_dir()):
            module = load_module(class_named(base.family.weighted[inside.name]), inside)
            trained[inside.name] = base.placed(inside.name, module).requires_grad_(False)
        return Personalized(base.pipeline(**trained), trained)
