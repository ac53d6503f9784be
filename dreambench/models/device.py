"""Where and in which precision the work is done."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from dreambench.errors import DreambenchError, NotHereError
from dreambench.spec.process import at_the_end, set_variable
from dreambench.spec.run_spec import RuntimeSpec

_BATCH = 8
#: Images at once from so many GiB on. An image of 512 pixels takes about 1.5 GiB with guidance, and the
#: models of Stable Diffusion 5 GiB; a batch that does not fit is halved.
_BATCH_BY_MEMORY = ((70, 32), (35, 16), (20, 8), (11, 4))
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Runtime:
    """A device and the dtype of autocast; trained weights themselves stay float32 everywhere.

    Autocast costs one cast of the weights in each forward pass, and in return a trained model is
    saved, resumed and sampled from the same float32 bits. ``gpu_share`` is this process's part of a GPU that
    others compute on as well.
    """

    device: torch.device
    dtype: torch.dtype
    spec: RuntimeSpec
    gpu_share: float = 1.0

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context in which forward passes run (nothing in float32)."""
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)

    @contextmanager
    def training(self) -> Iterator[None]:
        """The context of forward passes that are followed by backward ones: autocast, and on a CPU plain
        attention, whose backward pass is several times as fast there as the fused one's."""
        from torch.nn.attention import SDPBackend, sdpa_kernel

        # What checkpointing computes again in the backward pass is outside of this context.
        plain = self.device.type == "cpu" and not self.spec.gradient_checkpointing
        with self.autocast(), sdpa_kernel(SDPBackend.MATH) if plain else nullcontext():
            yield

    def move(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return a tensor of the CPU on the device; a GPU copies it while the CPU goes on."""
        if self.device.type != "cuda":
            return tensor.to(self.device)
        return tensor.pin_memory().to(self.device, non_blocking=True)

    def compile(self, module: Any) -> None:
        """Compile a module in place if the spec asks for it; its parameters keep their names."""
        if self.spec.compile and module._compiled_call_impl is None:
            module.compile()

    def generation_batch(self) -> int:
        """Return how many images are drawn at once: what the spec says, or by this process's GPU memory."""
        if self.spec.generation_batch_size is not None:
            return self.spec.generation_batch_size
        memory = self.memory()
        if memory is None:
            return _BATCH
        return next((size for least, size in _BATCH_BY_MEMORY if memory / 2**30 >= least), 2)

    def memory(self) -> int | None:
        """Return this process's part of the GPU's memory in bytes; None for a device without its own."""
        memory = device_memory(self.device)
        return None if memory is None else int(memory * self.gpu_share)

    def decode_threads(self) -> int:
        """Return how many threads decode images: what the spec says, or the cores that there are."""
        return self.spec.decode_threads or max(1, min(os.cpu_count() or 1, 16))

    def describe(self) -> str:
        """Return the device's name and the precision, for the run's log."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type
        return f"{name}, {str(self.dtype).removeprefix('torch.')}"


def resolve_runtime(spec: RuntimeSpec, gpu_share: float = 1.0) -> Runtime:
    """Choose device and precision: CUDA, then Apple's MPS, then the CPU; half precision on CUDA.

    ``fast`` is ``auto`` with bf16 also on a CPU that computes in it. ``gpu_share`` is as in ``Runtime``.

    Torch's switches for all of this last until the call's end (``process_kept``). Raises NotHereError where
    the device that was asked for is not there, DreambenchError where there is none.
    """
    device = chosen_device(spec.device)
    if spec.precision not in ("auto", "fast"):
        dtype = _DTYPES[spec.precision]
    elif device.type == "cuda":
        dtype = torch.bfloat16 if _cuda_computes_in_bf16() else torch.float16
    else:
        half = spec.precision == "fast" and device.type == "cpu" and cpu_computes_in_bf16()
        dtype = torch.bfloat16 if half else torch.float32
    if dtype == torch.float16 and device.type == "cpu":
        raise NotHereError("runtime.precision=fp16 does not work on the CPU", "use bf16 or fp32")
    if spec.deterministic:
        _be_deterministic()
    if device.type == "cuda":
        # cuDNN's attention gives gradients that are not finite for some lengths on Hopper cards
        # (pytorch/pytorch#196678); torch then takes another one. For the whole call, because what
        # checkpointing computes again runs outside of any context.
        at_the_end(partial(torch.backends.cuda.enable_cudnn_sdp, torch.backends.cuda.cudnn_sdp_enabled()))
        torch.backends.cuda.enable_cudnn_sdp(False)
    return Runtime(device, dtype, spec, gpu_share)


def autocast_weights(module: nn.Module) -> list[nn.Parameter]:
    """Return the weights of linear layers and convolutions, which autocast casts in every pass.

    Held in its precision, they give the same numbers without a cast, and without the cast copy that the
    backward pass needs.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    return [weight for layer in layers for weight in layer.parameters(recurse=False)]


def device_memory(device: torch.device) -> int | None:
    """Return the bytes of a GPU's own memory; None for a device that shares the computer's."""
    if device.type != "cuda":
        return None
    return int(torch.cuda.get_device_properties(device).total_memory)


def _be_deterministic() -> None:
    """Use deterministic kernels until the call's end, if there are any; sums on a GPU have a fixed order."""
    cuda, cudnn = torch.backends.cuda, torch.backends.cudnn
    set_variable("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    at_the_end(partial(setattr, cudnn, "benchmark", cudnn.benchmark))
    cudnn.benchmark = False
    # Its backward pass adds in any order, and torch only warns.
    at_the_end(partial(cuda.enable_mem_efficient_sdp, cuda.mem_efficient_sdp_enabled()))
    cuda.enable_mem_efficient_sdp(False)
    at_the_end(partial(torch.set_deterministic_debug_mode, torch.get_deterministic_debug_mode()))
    torch.use_deterministic_algorithms(True, warn_only=True)


def _cuda_computes_in_bf16() -> bool:
    """Whether this GPU has bf16 instructions; a V100 or a T4 has not, and torch emulates them."""
    return torch.cuda.is_bf16_supported(including_emulation=False)


def cpu_computes_in_bf16() -> bool:
    """Whether this CPU has bf16 instructions; without them torch emulates, at half the speed of float32."""
    known = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, name, bool)() for name in known)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether the device's memory was too small: a Mac's GPU says so in a plain RuntimeError."""
    return isinstance(error, torch.cuda.OutOfMemoryError) or "out of memory" in str(error).lower()


def chosen_device(name: str) -> torch.device:
    """Return the device of a name, for ``auto`` the best one here; errors as in ``resolve_runtime``."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DreambenchError(
            f"runtime.device={name} is not a device", "use auto, cpu, cuda, cuda:N or mps"
        ) from error
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present.get(device.type, False):
        raise NotHereError(
            f"runtime.device={name} is not on this machine", "use --set runtime.device=auto or cpu"
        )
    return device
