"""DreamBooth with low-rank adapters of the attention (Hu et al. 2022); the base weights stay unchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from dreambench.dataset import Subject
from dreambench.errors import DreambenchError, did_you_mean
from dreambench.methods.finetune.finetune_options import FineTuneOptions, check_fine_tuning
from dreambench.methods.method import Context, Personalized
from dreambench.models.base_folder import first_line
from dreambench.models.base_model import BaseModel
from dreambench.seeds import stable_seed
from dreambench.spec.method_options import MethodOptions
from dreambench.spec.run_spec import RunSpec

#: The file name that diffusers expects.
_FILE = "pytorch_lora_weights.safetensors"
_REMEDY = "remove the folder to train again, or use the base model that it was trained on"


class DreamBoothLoraOptions(FineTuneOptions):
    """DreamBooth's hyperparameters and the adapters' rank; their scale is 1 (alpha equals the rank).

    The rank is that of diffusers' DreamBooth LoRA script, the learning rate that of its guide; the paper has
    no LoRA.
    """

    adds_weights: ClassVar[bool] = True
    name: str = "dreambooth-lora"
    learning_rate: float = Field(default=1e-4, gt=0, le=1)
    steps: int = Field(default=500, ge=1, le=1_000_000)
    train_text_encoder: bool = False
    rank: int = Field(default=4, ge=1, le=1024)
    targets: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="the denoiser's layers that get adapters, by the ends of their names",
    )

    def trained_parameters(self, shapes: Mapping[str, Mapping[str, tuple[int, ...]]], family: Any) -> int:
        """Return the adapters' parameters: for each adapted layer, rank times the sum of its sides."""
        adapted = []
        for component in self.trained_components(family):
            own = self.targets if self.targets and component == family.denoiser else None
            ends = tuple(f".{target}.weight" for target in own or family.lora_targets[component])
            named = shapes.get(component, {}).items()
            adapted += [shape for name, shape in named if f".{name}".endswith(ends) and len(shape) > 1]
        return sum(self.rank * (shape[0] + shape[1]) for shape in adapted)


class DreamBoothLora:
    """Trains adapters of the denoiser's attention, and optionally of the text encoder's."""

    name: ClassVar[str]
    Options: ClassVar[type[MethodOptions]] = DreamBoothLoraOptions

    def check(self, base: BaseModel, spec: RunSpec) -> None:
        """Refuse to train text encoders in a family where none is trained."""
        check_fine_tuning(base, spec)

    def personalize(self, subject: Subject, base: BaseModel, spec: RunSpec, context: Context) -> Personalized:
        """Train on the subject's photos, and on class images with prior preservation."""
        from dreambench.methods.finetune.denoiser import fine_tune

        options = spec.method
        assert isinstance(options, DreamBoothLoraOptions)
        seed = stable_seed(spec.seed, subject.name, "adapters")
        names = options.trained_components(base.family)
        adapted = {name: _adapted(base, name, options.rank, seed, options.targets) for name in names}
        return fine_tune(subject, base, spec, context, adapted)

    def save(self, personalized: Personalized, folder: Path) -> None:
        """Write the adapters in the format that the pipeline's ``load_lora_weights`` reads."""
        from diffusers.utils import convert_state_dict_to_diffusers
        from peft import get_peft_model_state_dict

        layers = {}
        for name, module in personalized.trained.items():
            state = get_peft_model_state_dict(module)
            # Pipelines with a transformer read peft's own names.
            layers[f"{name}_lora_layers"] = (
                state if name == "transformer" else convert_state_dict_to_diffusers(state)
            )
        personalized.pipeline.save_lora_weights(folder, **layers, safe_serialization=True)

    def load(self, folder: Path, base: BaseModel, context: Context) -> Personalized:
        """Load the adapters that ``save`` wrote into fresh components.

        Raises DreambenchError where they do not fit, all or some.
        """
        from diffusers.utils import convert_state_dict_to_peft, convert_unet_state_dict_to_peft
        from safetensors.torch import load_file

        tensors = load_file(folder / _FILE)
        adapted = {}
        for name in sorted({key.split(".", 1)[0] for key in tensors}):
            own = {k.removeprefix(f"{name}."): t for k, t in tensors.items() if k.startswith(f"{name}.")}
            convert = convert_unet_state_dict_to_peft if name == "unet" else convert_state_dict_to_peft
            state = own if name == "transformer" else convert(own)
            rank = next(len(t) for key, t in state.items() if "lora_A" in key)
            layers = sorted({key.rpartition(".lora_")[0] for key in state})
            adapted[name] = _adapted(base, name, rank, 0, layers).eval().requires_grad_(False)
            _fill_adapters(adapted[name], state, folder / _FILE)
        return Personalized(base.pipeline(**adapted), adapted)


def _adapted(
    base: BaseModel, component: str, rank: int, seed: int, targets: Sequence[str] | None = None
) -> Any:
    """Return a fresh component with adapters, its only trainable parameters, in float32."""
    import torch
    from diffusers.training_utils import cast_training_params
    from peft import LoraConfig, inject_adapter_in_model

    module = base.fresh_frozen(component, in_autocast=True).train()
    chosen = targets if targets and component == base.family.denoiser else base.family.lora_targets[component]
    layers = adapted_layers(module, chosen, component)
    config = LoraConfig(r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=layers)
    # peft draws from torch's global generator; earlier draws must not change the result.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # Not transformers' add_adapter, which requires the peft version of its own release.
        adapted = inject_adapter_in_model(config, module)
    cast_training_params(adapted, dtype=torch.float32)
    return adapted


def _fill_adapters(module: Any, state: Mapping[str, Any], file: Path) -> None:
    """Give adapters their weights by peft's names. Raises DreambenchError unless each gets its own."""
    from peft import set_peft_model_state_dict

    if not hasattr(module, "text_model"):
        # transformers before 5.6 has this level in CLIPTextModel; diffusers' loader drops it, too.
        state = {name.removeprefix("text_model."): tensor for name, tensor in state.items()}
    try:
        result = set_peft_model_state_dict(module, dict(state))
    except RuntimeError as error:  # other shapes
        raise DreambenchError(f"{file} does not fit this base model: {first_line(error)}", _REMEDY) from error
    wrong = list(result.unexpected_keys) + [name for name in result.missing_keys if "lora_" in name]
    if wrong:
        raise DreambenchError(
            f"{file} does not fit this base model: {len(wrong)} adapters are unknown or missing "
            f"({wrong[0]} ...)",
            _REMEDY,
        )


def adapted_layers(module: Any, targets: Sequence[str], component: str) -> list[str]:
    """Return the names of the linear layers and convolutions that end with one of ``targets``.

    Raises DreambenchError for a target that no layer ends with.
    """
    from torch import nn

    names = [name for name, layer in module.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    found = {target: [n for n in names if n == target or n.endswith(f".{target}")] for target in targets}
    missing = [target for target, layers in found.items() if not layers]
    if missing:
        ends = sorted({name.rpartition(".")[2] for name in names})
        raise DreambenchError(
            f"the {component} has no layer called {missing[0]!r}",
            f"{did_you_mean(missing[0].rpartition('.')[2], ends)}leave method.targets out for the usual ones",
        )
    chosen = {layer for layers in found.values() for layer in layers}
    return [name for name in names if name in chosen]
