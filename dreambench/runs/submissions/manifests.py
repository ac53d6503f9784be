"""Lists of images: data frames, CSV, TSV, JSON, JSON Lines (Hugging Face's ``metadata.jsonl``), Parquet."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dreambench.errors import DreambenchError, listed
from dreambench.paths import refuse_special

KINDS = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet"})
#: Other names that a column may have.
_NAMES = {"file_name": "file", "path": "file", "image_file": "file", "text": "prompt", "caption": "prompt"}
_KNOWN = frozenset({"file", "image", "subject", "prompt_index", "prompt", "image_index"})
#: A row's fields, and its location for messages.
Rows = Iterator[tuple[Mapping[str, Any], str]]


def is_manifest(path: Path) -> bool:
    """Whether a path is a list of images, which may not exist, and not a folder of them."""
    return path.is_file() or path.suffix.lower() in KINDS


def refuse_unused(source: Any, pattern: str | None, root: Any) -> None:
    """Raise DreambenchError where an option has no effect on a source: none is ignored."""
    listed = isinstance(source, str | Path) and is_manifest(Path(source))
    if root is not None and not listed:
        raise DreambenchError("--root is the folder of a manifest's files, and there is none", "leave it out")
    if pattern is not None and (listed or not isinstance(source, str | Path)):
        raise DreambenchError(
            "--pattern describes the file names of a folder, and there is none", "leave it out"
        )


def manifest_rows(path: Path, root: Path | None, say: list[str]) -> Rows:
    """Yield a manifest's rows with their files as ``image``, relative to ``root`` or to its own folder.

    Files must be below that folder; a link there may point anywhere. Unknown columns are ignored, and ``say``
    gets a line that names them. Raises DreambenchError naming the line and the field.
    """
    base = root if root is not None else path.parent
    lines: dict[Path, str] = {}
    rows = list(_read(path))
    if not rows:
        raise DreambenchError(f"{path} has no rows", "list one image in each")
    columns = [str(name) for name in dict.fromkeys(name for row, _ in rows for name in row)]
    further = _check_columns(str(path), columns)
    if further:
        say.append(f"{path.name}: ignored columns: {listed(further, most=8)}")
    for fields, place in rows:
        row = _named(fields)
        name = str(row.get("file") or "")
        file = Path(os.path.normpath(base / name))
        if not file.is_relative_to(os.path.normpath(base)) or not name:
            raise DreambenchError(
                f"{place}: {name or 'an empty name'} lies outside {base}",
                "move it, or name its folder with --root",
            )
        if not exists(file):
            raise DreambenchError(
                f"{place}: {name[:200]} does not exist in {base}",
                "fix the path, remove the line, or give --root",
            )
        if file in lines:
            raise DreambenchError(f"{place}: {name} is already in {lines[file]}", "remove one of them")
        lines[file] = place.removeprefix(f"{path} ")
        yield {**row, "image": file}, place


def frame_rows(frame: Any) -> Rows:
    """Yield the rows of a DataFrame like a manifest's; its files are relative to the current folder.

    Raises DreambenchError naming the row, and for anything that is not a DataFrame.
    """
    if not hasattr(frame, "to_dict") or not hasattr(frame, "columns"):
        raise DreambenchError(
            f"{type(frame).__name__} cannot be scored",
            "give a folder, a CSV file, a DataFrame, or {subject: {prompt: [images]}}",
        )
    _check_columns("the DataFrame", [str(name) for name in frame.columns])
    for number, row in enumerate(frame.to_dict("records")):
        place = f"row {number} of the DataFrame"
        row = _named(_given_fields(row))
        image = row.get("image")
        if image is None:
            if not (name := str(row.get("file", ""))):
                raise DreambenchError(f"{place} has no file and no image", "fill it in, or remove the row")
            image = Path(os.path.abspath(name))
        yield {**row, "image": image}, place


def exists(path: Path) -> bool:
    """Whether a listed path is a file; a prompt in the wrong column may be longer than any name of one."""
    try:
        return path.is_file()
    except OSError:
        return False


def _renamed(columns: Collection[str]) -> dict[str, str]:
    """Return our name of each column that has another one, unless a column has that name already."""
    found: dict[str, str] = {}
    for theirs, ours in _NAMES.items():
        if theirs in columns and ours not in columns and ours not in found.values():
            found[theirs] = ours
    return found


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    renamed = _renamed(row)
    return {renamed.get(name, name): value for name, value in row.items()}


def _check_columns(place: str, columns: list[str]) -> list[str]:
    """Return the unused columns. Raises DreambenchError if a column is missing or duplicated."""
    if twice := [name for name in columns if columns.count(name) > 1]:
        raise DreambenchError(f"{place}: the column {twice[0]!r} appears twice", "remove one of them")
    ours = {_NAMES.get(name, name) for name in columns}
    has_images = bool(ours & {"file", "image"}) and "subject" in ours
    if not has_images or not ours & {"prompt_index", "prompt"}:
        raise DreambenchError(
            f"{place}: the columns are {', '.join(sorted(map(str, columns)))[:300] or 'none'}",
            "needed: file,subject and prompt_index or prompt; image_index is optional",
        )
    return [name for name in columns if name not in _KNOWN and name not in _renamed(columns)]


def _read(path: Path) -> Rows:
    refuse_special(path, "--manifest")
    if not path.is_file():
        raise DreambenchError(
            f"--manifest {path} does not exist", "give a CSV, TSV, JSON, JSONL or Parquet file"
        )
    kind = path.suffix.lower()
    try:
        if kind == ".parquet":
            yield from _parquet_rows(path)
        elif kind in (".json", ".jsonl", ".ndjson"):
            yield from _json_rows(path)
        else:
            yield from _text_rows(path, "\t" if kind == ".tsv" else ",")
    except RecursionError as error:
        raise DreambenchError(f"--manifest {path} is nested too deeply", "write a list of objects") from error
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        why = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise DreambenchError(
            f"--manifest {path} cannot be read: {why}", "give a complete file in UTF-8"
        ) from error


def _text_rows(path: Path, separator: str) -> Rows:
    with open(path, encoding="utf-8-sig", newline="") as file:  # a quoted field may have several lines
        reader = csv.reader(file, delimiter=separator)
        header = next(reader, [])
        _check_columns(str(path), header)
        for cells in reader:
            place = f"{path} line {reader.line_num}"
            if len(cells) != len(header):
                raise DreambenchError(f"{place} does not have as many fields as the header", "fix the line")
            yield dict(zip(header, cells, strict=True)), place


def _json_rows(path: Path) -> Rows:
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix.lower() == ".json":
        content = json.loads(text, object_pairs_hook=partial(_once, f"{path}: an entry"))
        listed = content if isinstance(content, list) else [content]
        places = [f"{path} entry {number}" for number in range(len(listed))]
    else:
        # Not splitlines: a JSON string may contain the other line ends of Unicode.
        numbered = [(n, line) for n, line in enumerate(text.split("\n"), start=1) if line.strip()]
        listed = [_json_line(path, line, number) for number, line in numbered]
        places = [f"{path} line {number}" for number, _ in numbered]
    for row, place in zip(listed, places, strict=True):
        if not isinstance(row, dict):
            raise DreambenchError(f"{place} is not an object with fields", 'such as {"file": "a.png", ...}')
        yield {name: value for name, value in row.items() if value is not None}, place


def _json_line(path: Path, line: str, number: int) -> Any:
    try:
        return json.loads(line, object_pairs_hook=partial(_once, f"{path} line {number}"))
    except json.JSONDecodeError as error:  # it would name line 1 of the line
        raise ValueError(f"line {number} column {error.colno}: {error.msg}") from error


def _once(place: str, fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a field that an object has twice: JSON would keep the last one without a word."""
    names = [name for name, _ in fields]
    if twice := [name for name in names if names.count(name) > 1]:
        raise DreambenchError(f"{place} has the field {twice[0][:80]!r} twice", "remove one of them")
    return dict(fields)


def _parquet_rows(path: Path) -> Rows:
    import pandas as pd

    for number, row in enumerate(pd.read_parquet(path).to_dict("records")):
        yield _given_fields(row), f"{path} row {number}"


def _given_fields(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the fields of a data frame's row that have a value: not None, NaN or NA."""
    import pandas as pd

    absent = {name for name, value in row.items() if pd.api.types.is_scalar(value) and pd.isna(value)}
    return {str(name): value for name, value in row.items() if name not in absent}
