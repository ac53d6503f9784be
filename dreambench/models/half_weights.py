"""Frozen weights in half precision for as long as images are drawn, without a cast in each forward pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from dreambench.models.device import Runtime

#: What autocast computes in half precision; it casts these weights in every pass, since they are frozen.
_CAST = (nn.Linear, nn.Conv2d)


@contextmanager
def half_weights(modules: Iterable[Any], runtime: Runtime) -> Iterator[None]:
    """Hold the linear and convolution weights of ``modules`` in the precision of autocast.

    Autocast computes with the same numbers either way, so the images are the same to the bit; only the cast
    is done once. The float32 weights come back at the end, whatever happens. In float32 nothing is done.
    """
    if runtime.dtype.itemsize == 4:
        yield
        return
    layers = [layer for module in modules for layer in module.modules() if isinstance(layer, _CAST)]
    found = [weight for layer in layers for weight in layer.parameters(recurse=False)]
    weights = [weight for weight in found if weight.dtype == torch.float32]
    originals = [weight.data for weight in weights]
    try:
        for weight in weights:
            # Contiguous: on an H200, channels last draw an eighth slower (docs/performance.md).
            weight.data = weight.data.to(runtime.dtype, memory_format=torch.contiguous_format)
        yield
    finally:
        for weight, original in zip(weights, originals, strict=True):
            weight.data = original
