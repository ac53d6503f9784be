"""Presets and protocols as YAML files: by the name of one that comes with the package, or by a path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dreambench.errors import DreambenchError, did_you_mean
from dreambench.paths import data_folder, read_yaml


def names_in(folder: str) -> list[str]:
    """Return the names of the YAML files in a folder of the package's data."""
    return sorted(path.stem for path in (data_folder() / folder).glob("*.yaml"))


def read_named(noun: str, folder: str, name_or_file: str, example: str) -> tuple[Path, dict[str, Any]]:
    """Return the path and the content of a file, by its name in ``folder`` or by its path.

    Raises DreambenchError where it is neither known nor a file (it names the nearest name), and where it
    contains no mapping; ``example`` says how one is written.
    """
    path, known = data_folder() / folder / f"{name_or_file}.yaml", names_in(folder)
    if name_or_file not in known:
        path = Path(name_or_file)
        if not path.is_file():
            raise DreambenchError(
                f"{noun} {name_or_file!r} is neither known nor a file",
                f"{did_you_mean(name_or_file, known)}known: {', '.join(known)}",
            )
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise DreambenchError(f"{path} contains no {noun}", f"write `field: value` lines; {example}")
    return path, content
