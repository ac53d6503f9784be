"""The official DreamBooth dataset: what belongs to it, and whether a folder is it, photo by photo.

Source: google/dreambooth at ``COMMIT``, folder ``dataset/`` (CC BY 4.0); paper, section 4.1.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

from pydantic import TypeAdapter

from dreambench.dataset.dataset import Photo, Problem, Subject, fingerprint_of
from dreambench.dataset.images import image_problem, is_photo
from dreambench.dataset.prompts import Category
from dreambench.paths import cache_folder, data_folder, sha256_of

NAME = "dreambooth"
COMMIT = "4f887af7970a06fc0cd3adaa1d0b368547d6a1d0"
VERSION = COMMIT[:7]
DOCUMENTS = ("prompts_and_classes.txt", "references_and_licenses.txt")


@dataclass(frozen=True)
class OfficialSubject:
    """A subject as the benchmark lists it, without its photos."""

    name: str
    class_noun: str
    category: Category
    photo_count: int


@dataclass(frozen=True)
class OfficialPhoto:
    """A photo as the manifest lists it: SHA-256 in hexadecimal, size in bytes and in pixels."""

    subject: str
    file: str
    sha256: str
    bytes: int
    width: int
    height: int


def official_folder() -> Path:
    """Return the folder where ``dreambench data pull`` puts the dataset; it need not exist."""
    return cache_folder() / f"{NAME}-{VERSION}"


@cache
def official_subjects() -> tuple[OfficialSubject, ...]:
    """Return the 30 subjects in the official order; no photos are needed."""
    return tuple(
        OfficialSubject(r["subject"], r["class_noun"], cast(Category, r["category"]), int(r["photos"]))
        for r in manifest_rows(data_folder() / "subjects.csv")
    )


@cache
def official_photos() -> tuple[OfficialPhoto, ...]:
    """Return the manifest's 158 photos, by subject in the official order and by file name."""
    rows = manifest_rows(data_folder() / "manifests" / "dreambooth.csv")
    return TypeAdapter(tuple[OfficialPhoto, ...]).validate_python(tuple(rows))


@cache
def official_fingerprint() -> str:
    """Return the fingerprint of the official dataset, from the manifest alone."""
    known = {subject.name: subject for subject in official_subjects()}
    return fingerprint_of(
        (p.subject, known[p.subject].class_noun, known[p.subject].category, p.file, p.sha256)
        for p in official_photos()
    )


def looks_official(folder: Path) -> bool:
    """Return whether a folder means to be the dataset: it has one of its documents, or most subjects."""
    if any((folder / name).is_file() for name in DOCUMENTS):
        return True
    present = sum((folder / subject.name).is_dir() for subject in official_subjects())
    return 2 * present >= len(official_subjects())


def official_problems(folder: Path) -> list[Problem]:
    """Return every way in which a folder's photos differ from the manifest; none means it is the dataset."""
    absent = {s.name: s.photo_count for s in official_subjects() if not (folder / s.name).is_dir()}
    problems = [Problem(name, f"missing: the subject's {count} photos") for name, count in absent.items()]
    for photo in official_photos():
        if photo.subject not in absent:
            problem = _photo_problem(folder / photo.subject / photo.file, photo)
            if problem:
                problems.append(Problem(f"{photo.subject}/{photo.file}", problem))
    known = {(photo.subject, photo.file) for photo in official_photos()}
    for path in sorted(folder.glob("*/*")):
        place = (path.parent.name, path.name)
        if is_photo(path) and not path.parent.name.startswith(".") and place not in known:
            problems.append(Problem("/".join(place), "not part of the official dataset"))
    return problems


def read_official(folder: Path) -> tuple[Subject, ...]:
    """Return the official subjects with photos in ``folder``, which must have no ``official_problems``."""
    photos: dict[str, list[Photo]] = {subject.name: [] for subject in official_subjects()}
    for photo in official_photos():
        photos[photo.subject].append(Photo(folder / photo.subject / photo.file, photo.sha256))
    return tuple(
        Subject(s.name, s.class_noun, s.category, tuple(photos[s.name])) for s in official_subjects()
    )


@cache
def miniature_photos() -> dict[tuple[str, str, str], tuple[str, str]]:
    """Return the manifest of the miniature's drawn photos.

    A key is (subject, file name, SHA-256); its value is the name and the SHA-256 of the same picture as a
    bitmap. A PNG's bytes depend on the compressor, so the bitmaps make the dataset's fingerprint.
    """
    return {
        (r["subject"], r["file"], r["sha256"]): (f"{Path(r['file']).stem}.bmp", r["bitmap_sha256"])
        for r in manifest_rows(data_folder() / "manifests" / "mini.csv")
    }


def _photo_problem(path: Path, photo: OfficialPhoto) -> str | None:
    if not path.exists():
        return "missing"
    try:
        # A photo with the right hash was decoded when the manifest was made: no need to do it again.
        if path.stat().st_size == photo.bytes and sha256_of(path) == photo.sha256:
            return None
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return image_problem(path) or "differs from the official photo (other SHA-256)"


def manifest_rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file with a header, without its comment lines."""
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(line for line in file if not line.startswith("#"))
