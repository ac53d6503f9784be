"""Where files are, the package's own in a checkout and in a wheel alike, and reading those that a user names.

A user may name anything: a pipe would be waited for without an end, and a few lines of YAML can grow into
gigabytes. Settings are therefore read from regular files only, without aliases, and every key once.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Any

import yaml

from dreambench.errors import DreambenchError

_PACKAGE = Path(__file__).resolve().parent
#: How a spec names a file of the package's own: the same words on every machine.
BUILTIN = "builtin:"

#: No settings are longer; a file that is takes minutes to parse.
MAX_YAML_BYTES = 1_000_000


def data_folder() -> Path:
    """Return the folder of the benchmark's data files (``data/`` of a checkout, packaged in a wheel)."""
    packaged = _PACKAGE / "data"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "data"


def located(name: str) -> Path:
    """Return the path that a spec's field means: ``builtin:`` is the package's data folder, ``~`` is home."""
    if name.startswith(BUILTIN):
        return data_folder() / name.removeprefix(BUILTIN)
    return expanded(name)


def expanded(path: str | Path) -> Path:
    """Return a path with ``~`` as the home it stands for. Raises DreambenchError for that of nobody here."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise DreambenchError(
            f"{path}: no user of this machine has that name", "write the whole path"
        ) from error


def cache_folder() -> Path:
    """Return the folder of downloaded data: ``DREAMBENCH_CACHE`` if set, else the platform's cache folder."""
    chosen = os.environ.get("DREAMBENCH_CACHE")
    if chosen:
        return expanded(chosen).absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("dreambench"))


def from_here(path: Path) -> Path:
    """Return an absolute path below the current folder as one relative to it, and any other path as it is.

    What is printed or written on a page is shorter so, and the same on another machine.
    """
    here = Path.cwd()
    return path.relative_to(here) if path.is_absolute() and path.is_relative_to(here) else path


def refuse_special(path: Path, what: str = "file") -> None:
    """Raise DreambenchError where a path is a pipe, a socket or a device, which may never end.

    A path that does not exist, or that cannot be looked at, is left to whoever opens it.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise DreambenchError(f"{what} {path} is a pipe or a device, not a file", "give a regular file")


def refuse_undecodable(out: Path) -> None:
    """Raise DreambenchError for a folder's name that is not UTF-8: no Parquet file can be written there."""
    try:
        str(out).encode()
    except UnicodeEncodeError as error:
        raise DreambenchError(f"{out} is not a name in UTF-8", "give another --out") from error


def read_text(path: Path, what: str) -> str:
    """Return the text of a file that a user names; ``what`` says in an error what it is for.

    It may be the output of another command (``<(git show main:notes.md)``). Raises DreambenchError where it
    cannot be read, or is not text in UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DreambenchError(f"{what} {path} cannot be read: {error.strerror}", "fix the path") from error
    except ValueError as error:
        raise DreambenchError(f"{what} {path} is not text in UTF-8", "save it as UTF-8") from error


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hexadecimal; raises OSError, and for a pipe DreambenchError."""
    refuse_special(path)
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def text_sha256(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8 in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


class _PlainLoader(yaml.SafeLoader):
    """YAML's safe loader without aliases and without a key that is named twice."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse an alias, which repeats what stands elsewhere."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, "an alias (*name) is not allowed", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that the mapping has already: YAML would keep the last one without a word."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                problem = f"{key.value[:80]!r} is there twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else "")
        return super().construct_mapping(node, deep)


def parse_yaml(text: str) -> Any:
    """Return what a YAML text says. Raises ValueError in one line, with the place, where it is refused."""
    if len(text) > MAX_YAML_BYTES:
        raise ValueError(f"it is longer than {MAX_YAML_BYTES:,} bytes")
    if "\0" in text:
        raise ValueError("it contains a NUL byte")
    try:
        return yaml.load(text, _PlainLoader)  # a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise ValueError(f"line {mark.line + 1}: {error.problem}" if mark else str(error.problem)) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())[:200]) from error


def read_yaml(path: Path) -> Any:
    """Return the content of a YAML file.

    Raises DreambenchError naming the file where it is not a regular file, too large, or not plain YAML.
    """
    refuse_special(path, "settings")
    try:
        size = path.stat().st_size
        if size > MAX_YAML_BYTES:
            raise DreambenchError(
                f"{path} has {size:,} bytes, more than settings need", f"at most {MAX_YAML_BYTES:,}"
            )
        return parse_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DreambenchError(f"{path} cannot be read: {error.strerror}", "fix the file") from error
    except ValueError as error:
        raise DreambenchError(f"{path} is not valid YAML: {error}", "fix the file") from error
