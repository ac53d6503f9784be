"""A pretended GPU: tensors that say they are on ``cuda`` or ``mps``, with their numbers in the CPU's memory.

In ``pretended_card`` the package's own code runs as on a machine with a GPU. What a real one refuses is
refused: an operation on tensors of two devices, and noise for the card from a generator of the CPU; on
``mps`` also float64, and operations on lists of tensors. A model's layer that computes on the CPU is refused,
too. Autocast is the CPU's, so that numbers are the CPU's; kernels and speed are not tested.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

HOST = torch.device("cpu")
#: These take tensors of both devices.
_COPIES = {"aten::_to_copy", "aten::copy_", "aten::index", "aten::index_put", "aten::index_put_"}
#: What is taken of torch's internals; older releases lack some.
_INTERNALS = (
    "_ensureCUDADeviceGuardSet",
    "_set_only_lift_cpu_tensors",
    "_only_lift_cpu_tensors",
    "_current_autograd_node",
)
#: The work of a model's layers, which belongs on the card.
_LAYERS = {"aten::addmm", "aten::bmm", "aten::convolution", "aten::mm"}


class OnCard(torch.Tensor):
    """A tensor on the card; it shares its memory with a plain tensor of the CPU."""

    __torch_function__ = torch._C._disabled_torch_function_impl
    device = property(lambda self: Card.present.device)
    is_cuda = property(lambda self: self.device.type == "cuda")
    is_mps = property(lambda self: self.device.type == "mps")
    is_cpu = property(lambda self: False)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return Card.present.do(func, args, kwargs or {})

    def to(self, *args: Any, copy: bool = False, **kwargs: Any) -> torch.Tensor:
        device, dtype, _, layout = torch._C._nn._parse_to(*args, **kwargs)
        device = device or self.device
        stays = device.type == self.device.type and dtype in (None, self.dtype)
        if stays and not copy and (layout is None or self.is_contiguous(memory_format=layout)):
            return self
        Card.present.leaves = device.type != self.device.type
        try:
            return torch.ops.aten._to_copy(self, dtype=dtype, device=device, memory_format=layout)
        finally:
            Card.present.leaves = False

    def cpu(self) -> torch.Tensor:
        return self.to(HOST)

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def __format__(self, spec: str) -> str:
        return format(self.cpu(), spec)

    def numpy(self, **options: Any) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


class Card(TorchDispatchMode):
    """The card's memory: ``live`` and ``peak`` are bytes; above ``total`` it is out of memory."""

    present: Card

    def __init__(self, total: int, device: torch.device) -> None:
        super().__init__()
        self.device = device
        self.total, self.live, self.peak = total, 0, 0
        self.leaves = False
        self._held: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.do(func, args, kwargs or {})

    def do(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Run an operation on the CPU; what comes out of it is on the card if its device says so."""
        composite = torch._C.DispatchKey.CompositeImplicitAutograd
        if torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), composite):
            with self:
                return func.decompose(*args, **kwargs)
        tensors = [each for each in _flat((*args, *kwargs.values())) if isinstance(each, torch.Tensor)]
        here = [each for each in tensors if isinstance(each, OnCard)]
        asked = torch.device(kwargs["device"]) if kwargs.get("device") else None
        # torch itself takes the card for the CPU, in a backward pass, too: only ``to`` leads off the card.
        made_backward = asked is not None and torch._C._current_autograd_node() is not None
        goes = bool(here) or made_backward or (asked is not None and asked.type == self.device.type)
        goes = goes and not self.leaves
        if func is torch.ops.aten.copy_.default:
            goes = isinstance(args[0], OnCard)
        if here and func._schema.name not in _COPIES:
            others = [each for each in tensors if each.dim() and not isinstance(each, OnCard)]
            assert not others, f"{func}: tensors on cuda and {others[0].device}, {list(others[0].shape)}"
        assert here or func._schema.name not in _LAYERS, f"{func}: a layer's work is left to the CPU"
        generator = kwargs.get("generator")
        assert generator is None or (generator.device.type == self.device.type) == goes, (
            f"{func}: a wrong generator"
        )
        with _disable_current_modes(), torch.inference_mode(False), torch.no_grad():
            plain = {id(each): _same_memory(each) if isinstance(each, OnCard) else each for each in tensors}
            given = {id(plain[id(each)]): each for each in tensors}

            def off_card(value: Any) -> Any:
                return plain[id(value)]

            def placed(value: torch.Tensor) -> torch.Tensor:
                if id(value) in given:
                    return given[id(value)]  # an operation in place
                return self._hold(value) if goes and value.device == HOST else value

            inner = _mapped(off_card, args)
            options = {name: _mapped(off_card, value) for name, value in kwargs.items()}
            found = func(*inner, **(options | ({"device": HOST} if asked and goes else {})))
            return _mapped(placed, found)

    def _hold(self, plain: torch.Tensor) -> torch.Tensor:
        if self.device.type == "mps" and plain.dtype == torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        tensor = torch.Tensor._make_subclass(OnCard, _same_memory(plain))
        storage = plain.untyped_storage()
        if storage._cdata not in self._held:
            weakref.finalize(storage, self._forget, storage._cdata, storage.nbytes())
            self._held.add(storage._cdata)
            self.live += storage.nbytes()
            self.peak = max(self.peak, self.live)
            if self.live > self.total:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return tensor

    def _forget(self, storage: int, size: int) -> None:
        self._held.discard(storage)
        self.live -= size


def _same_memory(tensor: torch.Tensor) -> torch.Tensor:
    """Return a plain tensor of the CPU with a tensor's memory; modes are off."""
    plain = torch.empty(0, dtype=tensor.dtype)
    plain.set_(tensor.untyped_storage(), tensor.storage_offset(), tensor.size(), tensor.stride())
    plain = torch._conj(plain) if tensor.is_conj() else plain
    return torch._neg_view(plain) if tensor.is_neg() else plain


def _flat(given: Any) -> Iterator[Any]:
    for each in given:
        if isinstance(each, list | tuple):
            yield from _flat(each)
        else:
            yield each


def _mapped(function: Any, given: Any) -> Any:
    """Return the same with each tensor replaced by what ``function`` returns for it."""
    if isinstance(given, torch.Tensor):
        return function(given)
    if isinstance(given, list | tuple):
        return type(given)(_mapped(function, each) for each in given)
    return given


@contextmanager
def pretended_card(kind: str = "cuda", total: int = 80 * 2**30) -> Iterator[Card]:
    """The context in which this machine has a GPU with so many bytes: CUDA's, or (``mps``) a Mac's.

    Skips the test where this torch lacks one of the internals that it takes.
    """
    missing = [name for name in _INTERNALS if not hasattr(torch._C, name)]
    if missing:
        pytest.skip(f"torch {torch.__version__} has no torch._C.{missing[0]}, which pretends the card")
    card = Card(total, torch.device(kind, 0))
    autocast, pad, grouped = (
        torch.autocast.__init__,
        torch._C._nn.pad_sequence,
        torch._C._group_tensors_by_device_and_dtype,
    )

    def of_the_cpu(self: Any, device_type: str, *args: Any, **kwargs: Any) -> None:
        autocast(self, "cpu", *args, **kwargs)

    def padded(sequences: Any, *args: Any) -> torch.Tensor:  # torch itself takes the card for the CPU
        return pad(sequences, *args).to(sequences[0].device)

    def by_device(tensors: Any, *more: Any) -> Any:  # likewise
        own = all(isinstance(each, OnCard) for each in tensors[0])
        return {(card.device if own else at, dtype): v for (at, dtype), v in grouped(tensors, *more).items()}

    properties = SimpleNamespace(name="Pretended card", total_memory=total, major=9, minor=0)
    instead = {
        f"torch.{'cuda' if kind == 'cuda' else 'backends.mps'}.is_available": cache(
            lambda: True
        ),  # torch unwraps the Mac's
        "torch.cuda.is_bf16_supported": lambda including_emulation=True: True,
        "torch.cuda.device_count": lambda: 1,
        "torch.cuda.current_device": lambda: 0,
        "torch.cuda.get_device_properties": lambda device=None: properties,
        "torch.cuda.get_device_name": lambda device=None: properties.name,
        "torch.cuda.empty_cache": lambda: None,
        "torch.cuda._lazy_init": lambda: None,
        "torch.Tensor.pin_memory": lambda self: self,
        "torch.autocast.__init__": of_the_cpu,
        "torch._C._nn.pad_sequence": padded,
        "torch._C._group_tensors_by_device_and_dtype": by_device,
    }
    gc.collect()
    torch._C._ensureCUDADeviceGuardSet()  # without a driver: one that does nothing
    lifts, overwrites = torch._C._only_lift_cpu_tensors(), torch.__future__
    before = overwrites.get_overwrite_module_params_on_conversion()
    with ExitStack() as stack:
        for name, function in instead.items():
            stack.enter_context(mock.patch(name, function))
        torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(..., device="cuda") is made and then moved
        stack.callback(torch._C._set_only_lift_cpu_tensors, lifts)
        overwrites.set_overwrite_module_params_on_conversion(True)
        stack.callback(overwrites.set_overwrite_module_params_on_conversion, before)
        Card.present = card
        yield stack.enter_context(card)
