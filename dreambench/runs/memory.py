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

    ``weights`` are float32, or half precision if they are frozen and the family is large. In a large family,
    the text encoders are ``parked`` on the CPU after encoding the captions. ``casts`` are the half-precision
    copies of the trained weights that autocast keeps until the backward pass; a run in float32 has none.
    Activations depend on kernels and are not computed; with ``runtime.gradient_checkpointing`` they are the
    smaller part.
    """

    trained_parameters: int
    weights: int
    gradients: int
    optimizer: int
    average: int
    casts: int
    parked: int = 0

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
    components = method.trained_components(family)
    # Full fine-tuning changes copies of the pipeline's weights; adapters and embeddings are added to them.
    whole = bool(components) and trained == sum(_count(shapes.get(c, {})) for c in components)
    parked = set(family.text_encoders()) - set(components) if family.large else set()
    halved = family.large and half_precision and not whole

    def held(component: str) -> int:
        if not halved or component == "vae":
            return _FLOAT32 * _count(shapes[component])
        kind = spec.runtime.quantize
        return int(sum(held_bytes(kind, name, shape) for name, shape in shapes[component].items()))

    per_moment = 1 if getattr(method, "optimizer", "adamw") == "adamw8bit" else _FLOAT32
    return TrainingMemory(
        trained_parameters=trained,
        weights=sum(held(c) for c in shapes if c not in parked) + (0 if whole else _FLOAT32 * trained),
        gradients=_FLOAT32 * trained,
        optimizer=2 * per_moment * trained,
        average=_FLOAT32 * trained if getattr(method, "ema", False) else 0,
        casts=_HALF * trained if half_precision else 0,
        parked=sum(held(c) for c in shapes if c in parked),
    )


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
            f"{_thrift(spec, base.family)}or start it anyway with --force",
        )


def _thrift(spec: RunSpec, family: Family) -> str:
    """Return the unused options that would save memory, for an error's remedy."""
    if family.large and spec.runtime.quantize == "none":
        return "try --set runtime.quantize=nf4, "
    if getattr(spec.method, "optimizer", None) == "adamw":
        return "try --set method.optimizer=adamw8bit or --method dreambooth-lora, "
    return "use a smaller base model, "


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
        for file in (folder / component).glob("*.safetensors"):
            with safe_open(file, "np") as content:
                shapes |= {name: tuple(content.get_slice(name).get_shape()) for name in content.keys()}  # noqa: SIM118
        found[component] = shapes
    return found
