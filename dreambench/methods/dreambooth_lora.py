"""DreamBooth with low-rank adapters of the attention (Hu et al. 2022); the base weights stay unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from dreambench.methods.finetune.finetune_options import FineTuneOptions
from dreambench.methods.method import Context, Personalized
from dreambench.spec.run_spec import MethodOptions, RunSpec

if TYPE_CHECKING:
    from dreambench.dataset import Subject
    from dreambench.models.base_model import BaseModel

_TARGETS = {
    "unet": ["to_q", "to_k", "to_v", "to_out.0"],
    "text_encoder": ["q_proj", "k_proj", "v_proj", "out_proj"],
}
#: The file name that diffusers expects.
_FILE = "pytorch_lora_weights.safetensors"


class DreamBoothLoraOptions(FineTuneOptions):
    """DreamBooth's hyperparameters and the adapters' rank; their scale is 1 (alpha equals the rank).

    Rank and learning rate are those of diffusers' DreamBooth LoRA script; the paper has no LoRA.
    """

    name: str = "dreambooth-lora"
    learning_rate: float = Field(1e-4, gt=0)
    steps: int = Field(500, ge=1)
    train_text_encoder: bool = False
    rank: int = Field(4, ge=1, le=1024)

    def trained_parameters(self, shapes: Mapping[str, Mapping[str, tuple[int, ...]]]) -> int:
        """Return the adapters' parameters: for each adapted layer, rank times the sum of its sides."""
        ends = {name: tuple(f"{target}.weight" for target in _TARGETS[name]) for name in _TARGETS}
        adapted = [
            shape
            for component in self.trained_components()
            for name, shape in shapes.get(component, {}).items()
            if name.endswith(ends[component])
        ]
        return sum(self.rank * (shape[0] + shape[1]) for shape in adapted)


class DreamBoothLora:
    """Trains adapters of the U-Net's attention, and optionally of the text encoder's."""

    name: ClassVar[str]
    Options: ClassVar[type[MethodOptions]] = DreamBoothLoraOptions

    def personalize(self, subject: Subject, base: BaseModel, spec: RunSpec, context: Context) -> Personalized:
        """Train on the subject's photos, and on class images with prior preservation."""
        from dreambench.methods.finetune.denoiser import enable_checkpointing, train_denoiser
        from dreambench.seeds import stable_seed

        options = spec.method
        assert isinstance(options, DreamBoothLoraOptions)
        seed = stable_seed(spec.seed, subject.name, "adapters")
        names = ["unet", "text_encoder"] if options.train_text_encoder else ["unet"]
        adapted = {name: _adapted(base, name, options.rank, seed) for name in names}
        base.release(*names)
        modules = adapted["unet"], adapted.get("text_encoder")
        enable_checkpointing(context, *modules)
        parameters = [p for m in adapted.values() for p in m.parameters() if p.requires_grad]
        losses = train_denoiser(subject, base, spec, context, *modules, parameters)
        for module in adapted.values():
            module.requires_grad_(False)
        return Personalized(base.pipeline(**adapted), adapted, losses)

    def save(self, personalized: Personalized, folder: Path) -> None:
        """Write the adapters in the format that diffusers' ``load_lora_weights`` reads."""
        from diffusers import StableDiffusionPipeline
        from diffusers.utils import convert_state_dict_to_diffusers
        from peft import get_peft_model_state_dict

        layers = {
            f"{name}_lora_layers": convert_state_dict_to_diffusers(get_peft_model_state_dict(module))
            for name, module in personalized.trained.items()
        }
        StableDiffusionPipeline.save_lora_weights(folder, **layers, safe_serialization=True)

    def load(self, folder: Path, base: BaseModel, context: Context) -> Personalized:
        """Load the adapters that ``save`` wrote into fresh components."""
        from diffusers.utils import convert_state_dict_to_peft, convert_unet_state_dict_to_peft
        from peft import set_peft_model_state_dict
        from safetensors.torch import load_file

        tensors = load_file(folder / _FILE)
        adapted = {}
        for name in sorted({key.split(".", 1)[0] for key in tensors}):
            own = {k.removeprefix(f"{name}."): t for k, t in tensors.items() if k.startswith(f"{name}.")}
            convert = convert_unet_state_dict_to_peft if name == "unet" else convert_state_dict_to_peft
            state = convert(own)
            rank = next(len(t) for key, t in state.items() if "lora_A" in key)
            adapted[name] = _adapted(base, name, rank, seed=0).eval().requires_grad_(False)
            set_peft_model_state_dict(adapted[name], state)
        return Personalized(base.pipeline(**adapted), adapted)


def _adapted(base: BaseModel, component: str, rank: int, seed: int) -> Any:
    """Return a fresh component with adapters, its only trainable parameters."""
    import torch
    from peft import LoraConfig, inject_adapter_in_model

    module = base.fresh(component).train().requires_grad_(False)
    targets = _TARGETS[component]
    config = LoraConfig(r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=targets)
    # peft draws from torch's global generator; earlier draws must not change the result.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # Not transformers' add_adapter, which requires the peft version of its own release.
        return inject_adapter_in_model(config, module)
