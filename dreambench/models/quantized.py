"""Weights and optimizers in 4 or 8 bits: where they can be, and by which package."""

from __future__ import annotations

import importlib.util
import math
from typing import TYPE_CHECKING, Any

from dreambench.errors import DreambenchError, NotHereError

if TYPE_CHECKING:
    import torch

_PACKAGES = {"nf4": "bitsandbytes", "fp8": "torchao"}
#: Bytes of a quantized weight: 4 bits and a float32 scale for each 64 of them; 8 bits (and a scale a row).
_BYTES = {"nf4": 0.5 + 4 / 64, "fp8": 1.0}
_HALF = 2
#: Matrices that do not belong to a linear layer: tables of embeddings.
_LOOKED_UP = ("embed", "shared")


def require_quantizer(kind: str, device: torch.device, large: bool) -> None:
    """Raise DreambenchError where ``runtime.quantize`` cannot be done for this family, NotHereError where not
    on this device or without the package.

    ``large`` is the family's: the U-Nets of Stable Diffusion are small, and are not quantized.
    """
    field, package = f"runtime.quantize={kind}", _PACKAGES.get(kind)
    if package is None:
        return
    if not large:
        raise DreambenchError(
            f"{field} is for large transformers, not for Stable Diffusion's U-Nets",
            "leave runtime.quantize=none",
        )
    if importlib.util.find_spec(package) is None:
        raise NotHereError(
            f"{field} needs {package}, which is not installed",
            f"pip install {package}, or leave runtime.quantize=none",
        )
    if kind == "nf4" and device.type != "cuda":
        raise NotHereError(f"{field} needs an NVIDIA GPU", "use runtime.quantize=fp8 or none")


def require_8bit_adam(device: torch.device) -> None:
    """Raise NotHereError where ``method.optimizer=adamw8bit`` cannot be done: without CUDA or package."""
    field = "method.optimizer=adamw8bit"
    if device.type != "cuda":
        raise NotHereError(f"{field} needs a CUDA device", "use method.optimizer=adamw")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise NotHereError(f"{field} needs bitsandbytes", "pip install bitsandbytes")


def held_bytes(kind: str, name: str, shape: tuple[int, ...]) -> float:
    """Return the bytes of a large model's frozen weight: linear layers' are quantized, others half."""
    linear = len(shape) == 2 and name.endswith(".weight") and not any(part in name for part in _LOOKED_UP)
    return math.prod(shape) * (_BYTES.get(kind, _HALF) if linear else _HALF)


def is_finite(values: Any) -> bool:
    """Whether all values of a weight are finite, quantized or not; so is what is not a tensor of floats."""
    import torch

    if not isinstance(values, torch.Tensor):
        return True
    if hasattr(values, "__tensor_flatten__"):  # a subclass that wraps others, as torchao's: no isfinite
        values = values.dequantize()
    if not values.is_floating_point():
        return True
    if values.numel() and values.device.type in ("cpu", "cuda") and values.dtype.itemsize > 1:
        # Extremes are NaN where a value is: one pass without copies, 30 times as fast as isfinite on a CPU.
        values = torch.stack(torch.aminmax(values))
    return bool(values.isfinite().all())


def quantization_config(library: str, kind: str, dtype: torch.dtype | None) -> Any:
    """Return the ``quantization_config`` of a ``from_pretrained``; None for ``none``.

    ``library`` is ``diffusers`` or ``transformers``, and ``dtype`` that of the products. NF4 is QLoRA's data
    type (Dettmers et al. 2023, arXiv 2305.14314, section 3); FP8 holds a scale for each row of weights.
    """
    if kind == "none":
        return None
    module = importlib.import_module(library)
    if kind == "nf4":
        return module.BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
        )
    rows = importlib.import_module("torchao.quantization").Float8WeightOnlyConfig()
    return module.TorchAoConfig(rows)
