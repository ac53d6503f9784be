"""Float32 that is float32: torch may compute it in fewer bits, or make tensors of another type by default."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

import torch


@contextmanager
def in_float32(device: torch.device) -> Iterator[None]:
    """The context in which float32 is float32: scores depend neither on the card nor on the program around.

    By default, cuDNN's convolutions round their inputs to TF32, which has 10 bits of mantissa. A program may
    allow more than that, or call us under autocast.
    """
    # None: an older switch, in a program that uses torch's newer ones.
    before = [(switch, value) for switch in _switches() if (value := switch.read()) is not None]
    half = torch.is_autocast_enabled(device.type)
    try:
        for switch, value in before:
            if value not in (switch.exact, "none"):
                switch.set(switch.exact)
        with torch.autocast(device.type, enabled=False) if half else nullcontext():
            yield
    finally:
        for switch, value in before:
            if switch.read() != value:
                switch.set(value)


@contextmanager
def float32_by_default() -> Iterator[None]:
    """The context (or decorator) in which new tensors are float32, whatever the program around has set."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


class _Switch(NamedTuple):
    """How one of torch's switches of precision is read and set, and what it is where float32 is exact."""

    get: Callable[[], Any]
    set: Callable[[Any], None]
    exact: Any

    def read(self) -> Any:
        """Return the setting; None where torch refuses to say, because older and newer names were mixed."""
        try:
            return self.get()
        except RuntimeError:
            return None


def _switches() -> list[_Switch]:
    """Return torch's switches, the older ones first: setting them sets the newer ones as well (torch 2.9)."""

    def attribute(place: Any, name: str, exact: Any) -> _Switch:
        return _Switch(partial(getattr, place, name), partial(setattr, place, name), exact)

    found = [
        _Switch(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest"),
        attribute(torch.backends.cudnn, "allow_tf32", False),
    ]
    for name in ("cuda.matmul", "cudnn.conv", "cudnn.rnn", "mkldnn.matmul", "mkldnn.conv", "mkldnn.rnn"):
        with suppress(AttributeError):
            place = attrgetter(name)(torch.backends)
            if hasattr(place, "fp32_precision"):
                found.append(attribute(place, "fp32_precision", "ieee"))
    return found
