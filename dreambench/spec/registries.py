"""The methods by name: our own modules and other people's packages (entry-point group dreambench.methods)."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, TypeVar

from dreambench.errors import DreambenchError

GROUP = "dreambench.methods"
_METHODS: dict[str, type] = {}
_Class = TypeVar("_Class", bound=type)


def register_method(name: str) -> Callable[[_Class], _Class]:
    """Register a ``Method`` class under ``name``, the value of ``--method``."""

    def decorate(cls: _Class) -> _Class:
        present = _METHODS.get(name)
        if present is not None and present.__module__ != cls.__module__:
            raise DreambenchError(
                f"two methods are called {name!r}: {present.__module__} and {cls.__module__}",
                "uninstall one of them, or rename it",
            )
        cls.name = name  # type: ignore[attr-defined]
        _METHODS[name] = cls
        return cls

    return decorate


def _builtin_names() -> dict[str, str]:
    package = importlib.import_module("dreambench.methods")
    modules = [m.name for m in pkgutil.iter_modules(package.__path__) if not m.ispkg and m.name != "base"]
    return {name.replace("_", "-"): f"dreambench.methods.{name}" for name in modules}


def method_names() -> list[str]:
    """Return the names of all methods that are installed, ours first."""
    ours = sorted(_builtin_names())
    return ours + sorted({e.name for e in entry_points(group=GROUP)} | _METHODS.keys() - set(ours))


def method_class(name: str) -> Any:
    """Return the ``Method`` class called ``name``; a wrong name's error names the nearest one."""
    if name not in _METHODS:
        builtin = _builtin_names().get(name)
        if builtin:
            importlib.import_module(builtin)
        for entry in entry_points(group=GROUP):
            if entry.name == name:
                register_method(name)(entry.load())
    if name not in _METHODS:
        near = difflib.get_close_matches(name, method_names(), n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise DreambenchError(f"method {name!r} is unknown", f"{hint}known: {', '.join(method_names())}")
    return _METHODS[name]
