"""The computed memory of training: weights, gradients and optimizer states, without activations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dreambench.errors import NotHereError
from dreambench.models.quantized import held_bytes
from dreambench.spec.frozen import Frozen
from dreambench.spec.run_spec import RunSpec

if TYPE_CHECKING:
    from dreambench.models.base_model import BaseModel
    from dreambench.models.device import Runtime
    from dreambench.models.families.family import Family

Shapes = Mapping[str, Mapping[str, tuple[int, ...]]]
_FLOAT32, _HALF = 4, 2


class TrainingMemory(Frozen):
    """Bytes that training holds at its peak, without activations.

    ``weights`` are float32, or half precision if they are frozen: all in a large family, and in others those
    that autocast casts. With ``prior_source: base-model`` a frozen denoiser may be held beside the trained
    one. Frozen text encoders are ``parked`` on the CPU after encoding the captions. ``casts`` are the
    half-precision copies of float32 weights that autocast keeps until the backward pass; a run in float32
    has none.
    ``activations`` is None: they depend on kernels and are not computed. They come on top, and are the
    smaller part only with ``runtime.gradient_checkpointing`` (docs/families.md has sums of a step's tensors).
    """

    trained_parameters: int
    weights: int
    gradients: int
    optimizer: int
    average: int
    casts: int
    parked: int = 0
    activations: None = None

    @property
    def total(self) -> int:
        """The peak: during the training steps, or while encoding the captions before them."""
        # The backward pass frees the casts as it creates the gradients.
        steps = self.weights + max(self.gradients, self.casts) + self.optimizer + self.average
        return max(steps, self.weights + self.parked)

    @property
    def peak(self) -> str:
        """The phase with the highest memory."""
        if self.parked and self.total == self.weights + self.parked:
            return "encoding the captions" if self.trained_parameters else "encoding the prompts"
        return "training" if self.trained_parameters else "drawing"


def training_memory(
    spec: RunSpec, shapes: Shapes, family: Family, half_precision: bool = True
) -> TrainingMemory:
    """Return the memory of training one subject, from the shapes of the base model's weights."""
    method = spec.method
    trained = method.trained_parameters(shapes, family)
    components = set(method.trained_components(family)) if method.trains() else set()
    whole = bool(components) and trained == sum(_count(shapes.get(c, {})) for c in components)
    # Components whose own weights change are float32; adapters and embeddings are added to frozen ones.
    own = components if whole or not (family.large or method.adds_weights) else set()
    texts = set(family.text_encoders())
    leave = family.large or (bool(components) and not method.encodes_in_steps)
    parked = [c for c in shapes if c in texts - components and leave]

    def frozen(component: str, in_autocast: bool = False) -> int:
        sizes = shapes[component].items()
        if not half_precision or component == "vae":
            return _FLOAT32 * _count(shapes[component])
        if family.large:
            return int(sum(held_bytes(spec.runtime.quantize, name, shape) for name, shape in sizes))
        half = in_autocast or component == family.denoiser
        return sum((_HALF if half and _is_cast(name) else _FLOAT32) * math.prod(s) for name, s in sizes)

    def held(component: str) -> int:
        if component in own:
            return _FLOAT32 * _count(shapes[component])
        return frozen(component, component in texts & components or method.encodes_in_steps)

    again: set[str] = set()  # what is loaded a second time, as it was before the training
    if getattr(method, "prior_preservation", False) and getattr(method, "prior_source", "") == "base-model":
        again = (own | texts) & components
    per_moment = 1 if getattr(method, "optimizer", "adamw") == "adamw8bit" else _FLOAT32
    return TrainingMemory(
        trained_parameters=trained,
        weights=sum(held(c) for c in shapes if c not in parked)
        + sum(frozen(c) for c in again - texts)
        + (0 if own else _FLOAT32 * trained),
        gradients=_FLOAT32 * trained,
        optimizer=2 * per_moment * trained,
        average=_FLOAT32 * trained if getattr(method, "ema", False) else 0,
        casts=_HALF * max(trained, sum(_count(shapes[c]) for c in own)) if half_precision else 0,
        parked=sum(frozen(c) for c in {*parked, *(again & texts)}),
    )


def _is_cast(name: str) -> bool:
    """Whether a weight of Stable Diffusion or SDXL is a linear layer's or a convolution's, by its name."""
    return "norm" not in name and "embeddings." not in name


def require_memory(spec: RunSpec, base: BaseModel, runtime: Runtime) -> None:
    """Raise NotHereError if the process's part of the GPU is too small. Loads nothing."""
    there = runtime.memory()
    if there is None or spec.runtime.ignore_memory:
        return
    shapes = shapes_of(base.folder, base.family)
    needed = training_memory(spec, shapes, base.family, runtime.dtype.itemsize == _HALF)
    if needed.total > there:
        has = (
            "the GPU has"
            if runtime.gpu_share == 1
            else f"a unit's share of the GPU ({runtime.gpu_share:g}) is"
        )
        raise NotHereError(
            f"{spec.base.model} with {spec.method.name} needs {needed.total / 2**30:.1f} GiB before "
            f"activations, and {has} {there / 2**30:.1f} GiB",
            f"{_smaller_model(spec, base.family)}or start it anyway with --force",
        )


def _smaller_model(spec: RunSpec, family: Family) -> str:
    """Return the unused options that would save memory, for an error's remedy."""
    if family.large and spec.runtime.quantize == "none":
        return "try --set runtime.quantize=nf4, "
    if getattr(spec.method, "optimizer", None) == "adamw" and not spec.method.adds_weights:
        return "try --set method.optimizer=adamw8bit or --method dreambooth-lora, "
    return "use a smaller base model, "


def memory_advice(spec: RunSpec, family: Family) -> str:
    """Return the unused options that would save memory once a run has begun, activations included."""
    method, runtime = spec.method, spec.runtime
    batch = getattr(method, "batch_size", 1)
    options = {
        "runtime.gradient_checkpointing=true": method.trains() and not runtime.gradient_checkpointing,
        "method.batch_size=1": method.trains() and batch > 1,
        "method.optimizer=adamw8bit": getattr(method, "optimizer", None) == "adamw"
        and not method.adds_weights,
        "runtime.quantize=nf4": family.large and runtime.quantize == "none",
        "runtime.generation_batch_size=1": runtime.generation_batch_size != 1,
    }
    useful = [option for option, saves in options.items() if saves]
    return f"try --set {' or '.join(useful)}; " if useful else "use a smaller base model; "


def _count(component: Mapping[str, tuple[int, ...]]) -> int:
    return sum(math.prod(shape) for shape in component.values())


def shapes_of(folder: Path, family: Family) -> dict[str, dict[str, tuple[int, ...]]]:
    """Return the shapes of a pipeline's weights by component and name; reads only headers.

    Weights in several variants (``fp16``) count once.
    """
    from safetensors import safe_open

    found = {}
    for component in family.weighted:
        shapes: dict[str, tuple[int, ...]] = {}
        for file in (folder / component).glob("[!.]*.safetensors"):
            with safe_open(file, "np") as content:
                shapes |= {name: tuple(content.get_slice(name).get_shape()) for name in content.keys()}  # noqa: SIM118
        found[component] = shapes
    return found
