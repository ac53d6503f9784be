"""Methods, metrics and families by name: entry points, ours and other packages' alike.

A package adds one by a line of its ``pyproject.toml``::

    [project.entry-points."dreambench.metrics"]
    dinov2 = "my_package:DinoV2"
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dreambench.errors import DreambenchError, did_you_mean, shortened

if TYPE_CHECKING:
    from dreambench.spec.metric import Comparand, Metric

_Thing = TypeVar("_Thing")


class UnknownNameError(DreambenchError):
    """No installed package brings anything of that name."""


class Registry(Generic[_Thing]):
    """The classes of one entry-point group, by the name that the command line knows them by.

    A class is imported when it is first asked for, and gets its ``name``.
    """

    def __init__(self, noun: str, group: str) -> None:
        self.noun, self.group = noun, group
        self._entries: dict[str, EntryPoint] | None = None
        self._classes: dict[str, type[_Thing]] = {}

    def names(self) -> list[str]:
        """Return the names of everything that is installed, in alphabetical order."""
        return sorted(self._found().keys() | self._classes.keys())

    def get(self, name: str) -> type[_Thing]:
        """Return the class called ``name``. Raises UnknownNameError naming the nearest name.

        Raises DreambenchError where the package that brings it cannot be imported.
        """
        if name not in self._classes:
            entry = self._found().get(name)
            if entry is None:
                raise self._unknown(name)
            try:
                found = entry.load()
            except Exception as error:  # whatever another package's module raises
                raise DreambenchError(
                    f"the {self.noun} {name!r} cannot be imported from {entry.value} "
                    f"({type(error).__name__}: {error})",
                    "update the package that it comes from, or uninstall it",
                ) from error
            self.add(name, found)
        return self._classes[name]

    def add(self, name: str, cls: type[_Thing]) -> None:
        """Make a class known under ``name`` in this process, without a package around it.

        Raises DreambenchError where a class of another module has that name.
        """
        present = self._classes.get(name)
        if present is not None and present.__module__ != cls.__module__:
            raise self._twice(name, present.__module__, cls.__module__)
        cls.name = name  # type: ignore[attr-defined]
        self._classes[name] = cls

    def _found(self) -> dict[str, EntryPoint]:
        if self._entries is None:
            found: dict[str, EntryPoint] = {}
            for entry in entry_points(group=self.group):
                other = found.setdefault(entry.name, entry)
                if other.value != entry.value:
                    raise self._twice(entry.name, other.value, entry.value)
            self._entries = found
        return self._entries

    def _twice(self, name: str, one: str, other: str) -> DreambenchError:
        return DreambenchError(
            f"two {self.noun}s are called {name!r}: {one} and {other}", "uninstall one of them, or rename it"
        )

    def _unknown(self, name: str) -> DreambenchError:
        known = self.names()
        if not known:
            return DreambenchError(f"no {self.noun} is installed", "install dreambench again")
        remedy = f"{did_you_mean(name, known)}known: {', '.join(known)}"
        return UnknownNameError(f"{self.noun} {shortened(name)!r} is unknown", remedy)


METHODS: Registry[Any] = Registry("method", "dreambench.methods")
FAMILIES: Registry[Any] = Registry("family", "dreambench.families")
METRICS: Registry[Metric] = Registry("metric", "dreambench.metrics")


@cache
def get_metric(name: str) -> Metric:
    """Return the metric called ``name``. Raises DreambenchError naming the nearest name."""
    return METRICS.get(name)()


def in_table_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return metric names in the order of every table: by rank, then by name."""
    return tuple(sorted(set(names), key=lambda name: (get_metric(name).rank, name)))


@cache
def standard_metrics() -> tuple[str, ...]:
    """Return the metrics of the paper's protocol, in table order: each has a column in every score file."""
    return in_table_order({name for name in METRICS.names() if get_metric(name).standard})


def metrics_that_compare(kinds: Iterable[Comparand], asked: Iterable[str] = ()) -> list[Metric]:
    """Return the metrics that compare an image with one of ``kinds``, in table order.

    They are the standard ones, and those that are asked for.
    """
    names = in_table_order({*standard_metrics(), *asked})
    return [get_metric(name) for name in names if get_metric(name).compares in kinds]
