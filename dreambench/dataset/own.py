"""A user's own dataset: ``FOLDER/subjects.csv``, ``FOLDER/<subject>/<photos>``, and prompts if it has any."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

from dreambench.dataset.dataset import Photo, Problem, Subject
from dreambench.dataset.images import PHOTO_SUFFIXES, image_problem, is_photo
from dreambench.dataset.prompt_sets import read_prompt_set
from dreambench.dataset.prompts import CATEGORIES, Category, Prompt
from dreambench.errors import DreambenchError
from dreambench.paths import sha256_of

LIST = "subjects.csv"
PROMPTS = "prompts.yaml"
COLUMNS = ("subject", "class_noun", "category")
HEADER = ",".join(COLUMNS)
OUTSIDE = "lies outside of the dataset"


def read_own(folder: Path, decode: bool) -> tuple[tuple[Subject, ...], list[Problem]]:
    """Return the subjects that can be used, in the list's order, and every problem found.

    The list has the columns subject, class_noun and optionally category ("object" by default, or
    "live") and no others. Photos are the visible image files directly in the subject's folder,
    sorted by name. With ``decode`` every photo is also decoded to its end. ``prompts.yaml``, a prompt set,
    takes the place of the official prompts.
    """
    rows, problems = _read_list(folder / LIST)
    prompts, prompt_problems = _read_prompts(folder / PROMPTS)
    problems += prompt_problems
    subjects: dict[str, Subject] = {}
    for line, row in rows:
        problem = row_problem(row, subjects) or _same_folder(row["subject"], subjects)
        if problem:
            problems.append(Problem(f"{LIST}:{line}", problem))
            continue
        name = row["subject"]
        photos, photo_problems = read_photos(folder, name, decode)
        problems.extend(photo_problems)
        # A subject whose photos fail stays known, so that a second row of it is reported as such.
        category = cast(Category, row["category"] or "object")
        if prompts and not prompts[category] and not prompt_problems:
            problems.append(
                Problem(PROMPTS, f"has no prompt that suits {category} subjects, as {name} is one")
            )
        own = prompts.get(category, ())
        subjects[name] = Subject(name, row["class_noun"], category, photos, own)
    return tuple(subjects.values()), problems


def _read_prompts(file: Path) -> tuple[dict[Category, tuple[Prompt, ...]], list[Problem]]:
    """Return a dataset's own prompts by category, numbered from 0; nothing where it has no such file."""
    if not file.exists():
        return {}, []
    try:
        found = read_prompt_set(str(file))
    except DreambenchError as error:
        return {}, [Problem(PROMPTS, error.message.removeprefix(f"{file}: "))]
    by_category: dict[Category, tuple[Prompt, ...]] = {}
    for category in CATEGORIES:
        suited = [prompt for group in found.for_category(category) for prompt in group.prompts]
        by_category[category] = tuple(replace(p, index=place) for place, p in enumerate(suited))
    return by_category, []


def _read_list(path: Path) -> tuple[list[tuple[int, dict[str, str]]], list[Problem]]:
    """Return (line number, row) pairs with stripped cells, and what is wrong with the list itself."""
    rows: list[tuple[int, dict[str, str]]] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [column.strip() for column in next(reader, [])]
            problem = _header_problem(header)
            if problem:
                return [], [Problem(LIST, problem)]
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) > len(header):
                    problem = f"{len(cells)} cells under {len(header)} columns"
                    return rows, [Problem(f"{LIST}:{reader.line_num}", problem)]
                cells += [""] * (len(header) - len(cells))
                row = {"category": "", **dict(zip(header, map(str.strip, cells), strict=True))}
                rows.append((reader.line_num, row))
    except UnicodeDecodeError:
        return [], [Problem(LIST, "is not UTF-8 text")]
    except csv.Error as error:
        return rows, [Problem(f"{LIST}:{reader.line_num}", f"is not CSV ({error})")]
    except OSError as error:
        return [], [Problem(LIST, f"cannot be read ({error.strerror})")]
    return rows, [] if rows else [Problem(LIST, "names no subject")]


def _header_problem(header: list[str]) -> str | None:
    for column in COLUMNS[:2]:
        if column not in header:
            return f"has no column {column!r} (its first line must be `{HEADER}`)"
    extra = [column for column in header if column not in COLUMNS]
    if extra:
        return f"has an unknown column {extra[0]!r} (known: {', '.join(COLUMNS)})"
    if len(set(header)) < len(header):
        return "has a column twice"
    return None


def row_problem(row: Mapping[str, str], known: Mapping[str, Subject]) -> str | None:
    """Return what is wrong with a subject's name, class noun or category, if anything is."""
    name, category = row["subject"], row["category"]
    if not name:
        return "the subject's name is empty"
    if name.startswith(".") or any(character in name for character in "/\\\0\n\r"):
        return f"subject {name!r}: a name may not begin with a dot or hold a path separator or line break"
    if name == "all":
        return "a subject may not be called 'all', which selects every subject"
    if name in known:
        return f"subject {name!r} is listed twice"
    if not row["class_noun"]:
        return f"subject {name!r} has no class noun"
    if category and category not in CATEGORIES:
        return f"subject {name!r}: category {category!r} is unknown (known: {', '.join(CATEGORIES)})"
    return None


def _same_folder(name: str, known: Iterable[str]) -> str | None:
    """Return the problem of a name that is the same folder as another's on a Mac or on Windows."""
    for other in known:
        if _folded(other) == _folded(name):
            return f"subjects {other!r} and {name!r} would share a folder on a Mac or on Windows: rename one"
    return None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def read_photos(folder: Path, name: str, decode: bool) -> tuple[tuple[Photo, ...], list[Problem]]:
    """Return the photos directly in ``folder / name``, sorted by name, and what is wrong with them."""
    photos: list[Photo] = []
    problems: list[Problem] = []
    try:
        paths = sorted((p for p in (folder / name).iterdir() if is_photo(p)), key=lambda p: p.name)
    except FileNotFoundError:
        return (), [Problem(name, "the subject's folder does not exist")]
    except OSError as error:
        return (), [Problem(name, f"the subject's folder cannot be read ({error.strerror})")]
    for path in paths:
        if path.exists() and not (path.is_file() or path.is_dir()):
            problems.append(Problem(f"{name}/{path.name}", "is a pipe or a device, not a photo"))
            continue
        try:
            photos.append(Photo(path, sha256_of(path)))
        except OSError as error:
            problems.append(Problem(f"{name}/{path.name}", f"cannot be read ({error.strerror})"))
            continue
        problem = image_problem(path) if decode else None
        if problem:
            problems.append(Problem(f"{name}/{path.name}", problem))
    if not photos and not problems:
        known = " ".join(sorted(suffix[1:] for suffix in PHOTO_SUFFIXES))
        problems.append(Problem(name, f"the subject's folder contains no photos ({known})"))
    return tuple(photos), problems


def is_outside(place: str | Path) -> bool:
    """Whether a path in a dataset's list leads out of the dataset's folder."""
    return Path(place).is_absolute() or ".." in Path(place).parts


def photo_problem(folder: Path, place: str | Path, decode: bool) -> str | None:
    """Return why a listed photo cannot be used, if it cannot; ``decode`` also reads it to its end."""
    if is_outside(place):
        return OUTSIDE
    if not (folder / place).is_file():
        return "is not a file"
    return image_problem(folder / place) if decode else None


def read_lines(file: Path) -> tuple[list[str], str | None]:
    """Return the lines of a text file that are not blank, stripped, and why it cannot be read."""
    if not file.is_file():
        return [], "is not a file"
    try:
        return [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()], None
    except (OSError, ValueError) as error:
        return [], f"cannot be read ({error})"
