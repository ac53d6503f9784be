"""Protocols by name: their files, what each of them restates, and their shapes with other encoders.

``kosmos-g`` is a protocol; ``kosmos-g@mini`` is its shape (references, averaging, scale, images per prompt)
with the encoders of the protocol ``mini``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dreambench.errors import DreambenchError
from dreambench.spec.frozen import Frozen, first_problem
from dreambench.spec.named_files import names_in, read_named
from dreambench.spec.registries import get_metric

#: What a file says about its protocol, beside the fields of a ProtocolSpec.
_ABOUT = ("description", "restates", "notes")
#: The fields that a shape takes from the protocol that brings the encoders.
_ENCODERS = ("clip", "dino", "lpips", "encoders")
_EXAMPLE = "data/protocols/paper.yaml shows one"


class Restated(Frozen):
    """The script that a protocol restates: a public repository, a path, and the commit that was read."""

    repository: str
    path: str
    commit: str


class ProtocolCard(Frozen):
    """What a protocol's file says about it; ``notes`` are what the script does that the fields cannot say."""

    name: str
    description: str = ""
    restates: Restated | None = None
    notes: tuple[str, ...] = ()


def protocol_names() -> list[str]:
    """Return the names of the protocols that come with the package."""
    return names_in("protocols")


def protocol_label(name_or_file: str) -> str:
    """Return a protocol's name in tables and folders: its own, or its file's without the suffix."""
    shape, at, base = name_or_file.partition("@")
    if name_or_file in protocol_names() or (at and shape in protocol_names() and base in protocol_names()):
        return name_or_file
    return Path(name_or_file).stem


def read_protocol(name_or_file: str) -> dict[str, Any]:
    """Read a protocol by name, or a YAML file of the same form: the fields of a ProtocolSpec.

    Raises DreambenchError for a name that is unknown, and for a shape without a metric that its encoders
    can answer.
    """
    shape, at, base = name_or_file.partition("@")
    if at and shape in protocol_names():
        return _shaped(_fields(shape), _fields(base), name_or_file)
    return _fields(name_or_file)


def protocol_card(name_or_file: str) -> ProtocolCard:
    """Return what a protocol's file says about it; a shape has its own protocol's card."""
    shape, _, base = name_or_file.partition("@")
    name = shape if base and shape in protocol_names() else name_or_file
    path, content = read_named("protocol", "protocols", name, _EXAMPLE)
    about = {field: content[field] for field in _ABOUT if field in content}
    try:
        return ProtocolCard.model_validate({"name": protocol_label(name_or_file), **about})
    except ValidationError as error:
        raise DreambenchError(f"{path}: field {first_problem(error)}", _EXAMPLE) from error


def card_of_label(label: str) -> ProtocolCard:
    """Return what is known of a protocol by its name in a table: of a file of one's own, its name alone."""
    known = label.partition("@")[0] in protocol_names()
    return protocol_card(label) if known else ProtocolCard(name=label)


def _fields(name_or_file: str) -> dict[str, Any]:
    _, content = read_named("protocol", "protocols", name_or_file, _EXAMPLE)
    return {name: value for name, value in content.items() if name not in _ABOUT}


def _shaped(shape: dict[str, Any], base: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a protocol's fields with the encoders of another.

    A metric of photos whose encoder the other lacks gives way to its DINO; other such metrics are left out.
    """
    metrics = _answerable(shape.get("metrics") or (), base)
    if not metrics:
        raise DreambenchError(f"protocol {name}: its encoders answer none of its metrics", "use another one")
    kept = {field: value for field, value in shape.items() if field not in _ENCODERS}
    encoders = {field: base[field] for field in _ENCODERS if field in base}
    limits: dict[str, Any] = {
        field: _of_metrics(kept[field], metrics) for field in ("scale", "clipped") if field in kept
    }
    return {**kept, **encoders, **limits, "metrics": metrics}


def _answerable(metrics: Sequence[str], base: dict[str, Any]) -> list[str]:
    found = []
    for name in metrics:
        metric = get_metric(name)
        if metric.encoder in base or metric.encoder in (base.get("encoders") or {}):
            found.append(name)
        elif metric.compares == "photos":
            found.append("dino")
    return list(dict.fromkeys(found))


def _of_metrics(value: Any, metrics: Sequence[str]) -> Any:
    if isinstance(value, dict):
        return {name: factor for name, factor in value.items() if name in metrics}
    return [name for name in value if name in metrics]
