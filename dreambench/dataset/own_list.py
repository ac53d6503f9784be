"""A list of one's own subjects: made from the folders, and what the folders have that it does not use."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from dreambench.dataset.dataset import Problem
from dreambench.dataset.images import is_photo
from dreambench.dataset.own import COLUMNS, LIST, read_own
from dreambench.errors import DreambenchError


def write_list(folder: Path) -> list[tuple[str, str, str]]:
    """Write ``subjects.csv`` into a folder of folders of photos, and return its rows.

    A class noun is the folder's name without its number and separators: a guess that its owner must read.
    Raises DreambenchError where there is a list already, or no folder with photos.
    """
    if not folder.is_dir():
        raise DreambenchError(f"{folder} is not a folder", "give the folder that contains one per subject")
    place = folder / LIST
    if place.exists():
        raise DreambenchError(f"{place} is there already", "change it by hand, or remove it first")
    names = sorted(
        path.name for path in folder.iterdir() if path.is_dir() and any(map(is_photo, path.iterdir()))
    )
    rows = [(name, _noun(name), "object") for name in names if not name.startswith(".")]
    if not rows:
        raise DreambenchError(f"{folder} contains no folder with photos", "make one for each subject")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    try:
        place.write_text(text.getvalue(), encoding="utf-8", newline="\n")
    except OSError as error:
        raise DreambenchError(f"{place} cannot be written: {error.strerror}", "check the folder") from error
    return rows


def _noun(name: str) -> str:
    words = re.sub(r"[_\-.]+", " ", name)
    return re.sub(r"(?<=\D)\d+$", "", words).strip().lower() or name


def unused_parts(folder: Path) -> list[Problem]:
    """Return what a user's dataset has and does not use, and what it has little of.

    Files in a subject's folder that are not photos, folders that the list does not name, and subjects with a
    single photo, whose Real Images row has no pair. Nothing for the official dataset.
    """
    if not (folder / LIST).is_file():
        return []
    subjects, _ = read_own(folder, decode=False)
    named = {subject.name for subject in subjects}
    notes = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name not in named and not path.name.startswith("."):
            notes.append(Problem(path.name, f"a folder that {LIST} does not name"))
    for subject in subjects:
        place = folder / subject.name  # that it is missing is said by ``verify``
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            if not is_photo(path) and not path.name.startswith("."):
                notes.append(Problem(f"{subject.name}/{path.name}", "skipped: " + _why(path)))
        if len(subject.photos) == 1:
            notes.append(Problem(subject.name, "one photo: the Real Images row needs pairs"))
    return notes


def _why(path: Path) -> str:
    if path.suffix.lower() in (".heic", ".heif", ".avif"):
        return "photos of this format are not read; save it as JPEG or PNG"
    return "a folder" if path.is_dir() else "not a photo by its name"
