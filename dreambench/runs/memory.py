"""The memory of a training by arithmetic: weights, gradients and the optimizer, without activations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from dreambench.spec.frozen import Frozen
from dreambench.spec.run_spec import RunSpec

Shapes = Mapping[str, Mapping[str, tuple[int, ...]]]
_FLOAT32, _HALF = 4, 2
_COMPONENTS = ("unet", "vae", "text_encoder")


class TrainingMemory(Frozen):
    """Bytes that a training holds at its peak, in float32 as everything is kept, without activations.

    ``casts`` are the half-precision copies that autocast keeps of the trained weights until the backward
    pass; a run in float32 has none. Activations depend on kernels and are not computed: with
    ``runtime.gradient_checkpointing`` they are the smaller part.
    """

    trained_parameters: int
    weights: int
    gradients: int
    optimizer: int
    average: int
    casts: int

    @property
    def total(self) -> int:
        """The sum."""
        return self.weights + self.gradients + self.optimizer + self.average + self.casts


def training_memory(spec: RunSpec, shapes: Shapes, half_precision: bool = True) -> TrainingMemory:
    """Return the memory of training one subject, from the shapes of the base model's weights."""
    method = spec.method
    trained = method.trained_parameters(shapes)
    every = sum(_count(component) for component in shapes.values())
    # Full fine-tuning changes copies of the pipeline's weights; adapters and embeddings come on top of them.
    added = 0 if trained == sum(_count(shapes.get(c, {})) for c in method.trained_components()) else trained
    per_moment = 1 if getattr(method, "optimizer", "adamw") == "adamw8bit" else _FLOAT32
    return TrainingMemory(
        trained_parameters=trained,
        weights=_FLOAT32 * (every + added),
        gradients=_FLOAT32 * trained,
        optimizer=2 * per_moment * trained,
        average=_FLOAT32 * trained if getattr(method, "ema", False) else 0,
        casts=_HALF * trained if half_precision else 0,
    )


def _count(component: Mapping[str, tuple[int, ...]]) -> int:
    return sum(math.prod(shape) for shape in component.values())


def shapes_of(folder: Path) -> dict[str, dict[str, tuple[int, ...]]]:
    """Return the shapes of a pipeline's weights by component and name; only headers are read.

    Weights that lie there in several variants (``fp16``) count once.
    """
    from safetensors import safe_open

    found = {}
    for component in _COMPONENTS:
        shapes: dict[str, tuple[int, ...]] = {}
        for file in (folder / component).glob("*.safetensors"):
            with safe_open(file, "pt") as content:
                shapes |= {name: tuple(content.get_slice(name).get_shape()) for name in content.keys()}  # noqa: SIM118
        found[component] = shapes
    return found
