"""Presets by name, overrides on top, and errors that name the field: from words to a RunSpec."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from dreambench.errors import DreambenchError, did_you_mean
from dreambench.paths import parse_yaml
from dreambench.spec.named_files import names_in, read_named
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.protocols import read_protocol
from dreambench.spec.registries import METHODS, METRICS, get_metric
from dreambench.spec.run_spec import RunSpec

_METHODS_FORM = "write `methods: {NAME: {FIELD: VALUE}}`, as `data/presets/paper-sd15.yaml` does"


def preset_names() -> list[str]:
    """Return the names of the presets that come with the package."""
    return names_in("presets")


def read_preset(name_or_file: str) -> dict[str, Any]:
    """Read a preset by name, or a YAML file of the same form, as plain data."""
    path, content = read_named("preset", "presets", name_or_file, "`dreambench presets paper-sd15` shows one")
    return {"preset": path.stem, **content}


def protocol_spec(name_or_file: str) -> ProtocolSpec:
    """Return a protocol by name or from a YAML file. Raises DreambenchError naming a wrong field.

    Example:
        >>> protocol_spec("paper").dino.model
        'vit_small_patch16_224.dino'
    """
    known = [f"protocol.{name}" for name in field_names(ProtocolSpec)]
    spec: ProtocolSpec = _validate(ProtocolSpec, read_protocol(name_or_file), "protocol.", known)
    return spec


def build_spec(
    preset: str | Mapping[str, Any], fields: Mapping[str, Any] | None = None, overrides: Iterable[str] = ()
) -> RunSpec:
    """Build a RunSpec from a preset, the options of the command line, and ``--set`` overrides.

    ``fields`` maps dotted field names to values (None: not given); ``overrides`` are
    ``key.path=value`` strings whose values are read as YAML. Raises DreambenchError for an unknown
    or wrong field, naming the nearest field that exists.
    """
    content = dict(read_preset(preset) if isinstance(preset, str) else preset)
    content.pop("description", None)
    if isinstance(content.get("protocol"), str):
        content["protocol"] = read_protocol(content["protocol"])
    given = {name: value for name, value in (fields or {}).items() if value is not None}
    written = [pair for o in overrides for pair in _in_fields(*_parse_override(o))]
    chosen = [
        str(v).strip('"') for name, v in [*given.items(), *written] if name in ("method", "method.name")
    ]
    content["method"] = _method_fields(content, chosen)
    options = METHODS.get(content["method"]["name"]).Options
    pairs = [*given.items(), *((name, _read_value(name, text, options)) for name, text in written)]
    for name, value in pairs:
        if name == "protocol" and isinstance(value, str):
            value = read_protocol(value)
        if name not in ("method", "method.name"):
            _assign(content, name, value)
    for name in content["method"].keys() & options.without_effect:
        raise DreambenchError(
            f"field method.{name} has no effect on the method {content['method']['name']}", "leave it out"
        )
    known = [name for name in field_names(RunSpec) if name != "method"]
    known += [f"method.{name}" for name in field_names(options)]
    content["method"] = _validate(options, content["method"], "method.", known)
    return _validate(RunSpec, content, "", known)


def _parse_override(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise DreambenchError(f"--set {text!r} is not of the form key.path=value", "for example --set seed=1")
    return name.strip(), value


def _in_fields(name: str, text: str) -> list[tuple[str, str]]:
    """Return an override as it is, or one per field where ``method`` is set to a mapping of its fields."""
    if name != "method" or not text.strip().startswith("{"):
        return [(name, text)]
    try:
        fields = parse_yaml(text)
    except ValueError as error:
        raise DreambenchError(f"--set method: {text!r} is not valid YAML ({error})", "quote it") from error
    return [(f"method.{field}", json.dumps(value, default=str)) for field, value in fields.items()]


def _read_value(name: str, text: str, options: type[BaseModel]) -> Any:
    try:
        value = parse_yaml(text) if text.strip() else ""
    except ValueError as error:
        shown = text if len(text) < 80 else f"{text[:80]}..."
        raise DreambenchError(f"--set {name}: the value {shown!r} is not valid YAML", "quote it") from error
    if _is_text(name, options):  # `no`, `7` and `2024-01-31` are text here, whatever YAML makes of them
        return value if isinstance(value, str | None) else text.strip()
    return _number_if_it_is_one(value)


def _is_text(name: str, options: type[BaseModel]) -> bool:
    model: Any = RunSpec
    *sections, last = name.split(".")
    for section in sections:
        field = model.model_fields.get(section)
        model = options if model is RunSpec and section == "method" else field and field.annotation
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return False
    return last in model.model_fields and model.model_fields[last].annotation in (str, str | None)


def _number_if_it_is_one(value: Any) -> Any:
    # YAML 1.1 reads 5e-6 as a string: a learning rate without a dot must not become text.
    if isinstance(value, str):
        try:
            return float(value) if "e" in value.lower() and value[0] in "+-.0123456789" else value
        except (ValueError, IndexError):
            return value
    return value


def _method_fields(content: dict[str, Any], chosen: list[Any]) -> dict[str, Any]:
    by_name = content.pop("methods", None) or {}
    if not isinstance(by_name, Mapping) or not all(isinstance(v, Mapping | None) for v in by_name.values()):
        raise DreambenchError("field methods is not a mapping of methods to their fields", _METHODS_FORM)
    for unknown in by_name.keys() - set(METHODS.names()):
        hint = did_you_mean(str(unknown), METHODS.names()) or f"known: {', '.join(METHODS.names())}"
        raise DreambenchError(f"field methods.{unknown} is for a method that is unknown", hint)
    own = content.get("method", "dreambooth")
    own_fields = dict(own) if isinstance(own, Mapping) else {"name": str(own)}
    name = str(chosen[-1]) if chosen else str(own_fields.get("name", "dreambooth"))
    fields = dict(by_name.get(name) or {})
    if own_fields.get("name") == name:
        fields.update(own_fields)
    return {**fields, "name": name}


def _assign(content: dict[str, Any], dotted: str, value: Any) -> None:
    *sections, last = dotted.split(".")
    part = content
    for section in sections:
        inner = part.get(section)
        inner = dict(inner) if isinstance(inner, Mapping) else {}
        part[section] = inner
        part = inner
    part[last] = value


def _validate(model: type[BaseModel], fields: Mapping[str, Any], prefix: str, known: list[str]) -> Any:
    try:
        return model.model_validate(dict(fields))
    except ValidationError as error:
        raise _as_one_line(error, prefix, known) from error


def _as_one_line(error: ValidationError, prefix: str, known: list[str]) -> DreambenchError:
    first, *others = error.errors()
    place = _place(first)
    dotted = prefix + ".".join(place)
    if first["type"] == "extra_forbidden":
        section, inside, _ = dotted.partition("encoders.")
        known = [f"{section}{name}" for name in encoder_field_names()] if inside else known
        ending_alike = [name for name in known if name.rsplit(".", 1)[-1] == place[-1]]
        hint = did_you_mean(dotted, known, cutoff=0.5) or did_you_mean(dotted, ending_alike, cutoff=0)
        return DreambenchError(f"field {dotted} is unknown", hint or f"known: {', '.join(known)}")
    if first["type"] == "missing":
        needed = next((name for name in known if name.startswith(f"{dotted}.")), dotted)
        remedy = f"give it with --set {needed}=VALUE; `dreambench presets mini` prints a whole preset"
        return DreambenchError(f"field {needed} is missing", remedy)
    shown = repr(first["input"])
    shown = shown if len(shown) < 200 else f"{shown[:200]}... ({len(shown):,} characters)"
    # A field that may be one of several kinds has an error for each of them.
    also = [other["msg"] for other in others if _place(other)[: len(place)] == place]
    none_given = first["type"] == "too_short" and not first["input"]
    said = [
        "at least one value is needed" if none_given else first["msg"].removeprefix("Value error, "),
        *(msg.removeprefix("Input should be ") for msg in also),
    ]
    wanted = ", or ".join(said)
    return DreambenchError(f"field {dotted}: {wanted}, not {shown}", f"change it with {_option_for(dotted)}")


def _option_for(dotted: str) -> str:
    """Return the option that sets a field: a list is set as a whole, never one of its entries."""
    whole = re.sub(r"(\.\d+)+$", "", dotted)
    return "--metrics NAME,NAME" if whole == "protocol.metrics" else f"--set {whole}=VALUE"


def _place(error: Any) -> list[str]:
    """Return where a validation error is, without pydantic's names for kinds such as ``literal[...]``."""
    return [str(part) for part in error["loc"] if not (isinstance(part, str) and "[" in part)]


def encoder_field_names() -> list[str]:
    """Return the dotted names of all fields below a protocol's ``encoders``, of every installed metric."""
    settings = {metric.encoder: metric.Settings for metric in map(get_metric, METRICS.names())}
    own = {name: found for name, found in settings.items() if name not in ProtocolSpec.model_fields}
    return [f"encoders.{name}.{field}" for name, found in own.items() for field in found.model_fields]


def field_names(model: type[BaseModel]) -> list[str]:
    """Return the dotted names of all fields below a pydantic model."""
    names: list[str] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel) and inner.model_fields.keys() - {"name"}:
            names += [f"{name}.{below}" for below in field_names(inner)]
        else:
            names.append(name)
    return names
