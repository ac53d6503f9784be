"""A user's request as a spec: fields by option, a preset's defaults, names separated by commas."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

from dreambench.errors import DreambenchError
from dreambench.spec.presets import build_spec
from dreambench.spec.run_spec import RunSpec

#: The preset of the paper's setting, and the default preset of ``score``.
PAPER_PRESET = "paper-sd15"


class Asked(TypedDict, total=False):
    """A user's request for a run; absent or None values come from the preset.

    ``subjects`` is "all" or names, ``prompts`` is "all" or indices such as "0-4,7", ``metrics`` are names;
    lists may be text with commas. ``protocol`` is a name or a YAML file, or several: the images are scored
    with all of them. ``base`` is a hub id or a folder, ``data`` a folder. ``overrides`` sets any field: by
    dotted names, or by strings such as "sampler.steps=25", whose values are parsed as YAML.
    """

    subjects: str | Sequence[str] | None
    prompts: str | None
    images_per_prompt: int | None
    method: str | None
    base: str | Path | None
    identifier: str | None
    data: str | Path | None
    protocol: str | Path | Sequence[str] | None
    metrics: str | Sequence[str] | None
    overrides: Mapping[str, Any] | Iterable[str] | None
    device: str | None


def default_preset() -> str:
    """Return the default preset of a run: the paper's setting with an NVIDIA GPU, otherwise the miniature."""
    return PAPER_PRESET if shutil.which("nvidia-smi") else "mini"  # checked without importing torch


def asked_spec(
    preset: str | Mapping[str, Any] | None = None,
    *,
    seed: int | None = None,
    defaults: Mapping[str, Any] | None = None,
    **asked: Unpack[Asked],
) -> RunSpec:
    """Return the spec of a request. Raises DreambenchError for a wrong field or several protocols.

    ``defaults`` are fields by dotted name that apply if the user does not set them.
    """
    metrics, base, data = (asked.get(name) for name in ("metrics", "base", "data"))
    protocols = asked_protocols(asked)
    if len(protocols) > 1:
        raise DreambenchError(
            f"--protocol {','.join(protocols)}: this command takes one protocol",
            "`run` and `score` take several",
        )
    fields = {
        "subjects": parse_subjects(asked.get("subjects")),
        "prompts": asked.get("prompts"),
        "images_per_prompt": asked.get("images_per_prompt"),
        "method": asked.get("method"),
        "identifier.text": asked.get("identifier"),
        "base.model": None if base is None else named("--base", str(base)),
        "data.folder": None if data is None else named("--data", str(data)),
        "seed": seed,
        "protocol": protocols[0] if protocols else None,
        "protocol.metrics": None if metrics is None else names_of(metrics),
        "runtime.device": asked.get("device"),
    }
    given = {name: value for name, value in fields.items() if value is not None}
    overrides = asked.get("overrides") or ()
    if isinstance(overrides, Mapping):
        given, overrides = {**given, **overrides}, ()
    if isinstance(preset, str):
        named("--preset", preset)
    chosen = default_preset() if preset is None else preset
    return build_spec(chosen, {**(defaults or {}), **given}, overrides)


def named(option: str, text: str) -> str:
    """Return an option's text. Raises DreambenchError where it is empty, as an unset variable is."""
    if not text.strip():
        raise DreambenchError(f"{option} is empty", "give a name, or leave the option out")
    return text


def names_of(given: Any) -> list[str]:
    """Return names given as comma-separated text, or as a list. Raises DreambenchError for anything else."""
    parts = given.split(",") if isinstance(given, str) else given
    listed = list(parts) if isinstance(parts, Iterable) else [parts]
    if not all(isinstance(part, str) for part in listed):
        raise DreambenchError(f"{given!r} is neither a name nor a list of names", "give names, such as 'dog'")
    return [part.strip() for part in listed if part.strip()]


def asked_protocols(asked: Mapping[str, Any]) -> list[str]:
    """Return the names of the requested protocols; empty for the preset's own."""
    given = asked.get("protocol")
    listed = [named("--protocol", str(given))] if isinstance(given, str | Path) else given or []
    if not isinstance(listed, Sequence):
        raise DreambenchError(
            f"protocol is a {type(given).__name__}", "give a name, a YAML file, or a list of them"
        )
    return [name for each in listed for name in names_of(str(each))]


def by_protocol(asked: Asked, name: str | None = None) -> Asked:
    """Return the request with a single protocol: the one called ``name``, otherwise the first."""
    names = asked_protocols(asked)
    return {**asked, "protocol": name or (names[0] if names else None)}


def parse_subjects(given: str | Sequence[str] | None) -> str | tuple[str, ...] | None:
    """Return "all", the names of subjects, or None. Raises DreambenchError if there is no name."""
    if given is None or given == "all":
        return given
    names = tuple(names_of(given))
    if not names:
        raise DreambenchError("--subjects is empty", "give all, or names such as dog,cat")
    return names
