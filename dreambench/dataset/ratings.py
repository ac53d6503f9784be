"""The public ratings of subject-driven generation: which files they are, and whether a folder contains them.

Sources: TIGER-AI-Lab/ImagenHub (the ratings of 3 raters for 150 images by each of 5 methods) and
TIGER-AI-Lab/VIEScore (CLIP-I and DINO of the same images, for 4 of the methods), both MIT, each at the
commit that ``data/manifests/imagenhub.csv`` pins.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from dreambench.dataset.dataset import Problem
from dreambench.dataset.official import manifest_rows
from dreambench.paths import cache_folder, data_folder, sha256_of

NAME = "imagenhub"
HOST = "https://raw.githubusercontent.com"


@dataclass(frozen=True)
class PinnedFile:
    """A file as a manifest lists it: its path in the folder, where it comes from, its SHA-256."""

    file: str
    repository: str
    commit: str
    path: str
    sha256: str
    bytes: int

    @property
    def url(self) -> str:
        """The address of the pinned version."""
        return f"{HOST}/{self.repository}/{self.commit}/{self.path}"


@cache
def rating_files(judges: bool = False) -> tuple[PinnedFile, ...]:
    """Return the manifest: the raters' tables first, then the automatic scores.

    With ``judges`` it is that of all three tasks, with the replies of 17 vision-language judges.
    """
    return read_manifest("imagenhub-judges.csv" if judges else "imagenhub.csv")


def read_manifest(name: str) -> tuple[PinnedFile, ...]:
    """Return the files that a manifest of pinned files lists."""
    rows = manifest_rows(data_folder() / "manifests" / name)
    return TypeAdapter(tuple[PinnedFile, ...]).validate_python(tuple(rows))


def ratings_label() -> str:
    """Return the name and version of the ratings, such as ``imagenhub@439f72c``."""
    return f"{NAME}@{rating_files()[0].commit[:7]}"


def ratings_folder(judges: bool = False) -> Path:
    """Return the folder where ``dreambench data pull imagenhub [--judges]`` puts the data, or would."""
    return cache_folder() / (ratings_label().replace("@", "-") + ("-judges" if judges else ""))


def ratings_problems(folder: Path, judges: bool = False) -> list[Problem]:
    """Return every way in which a folder differs from the manifest; none means it contains the ratings."""
    return file_problems(folder, rating_files(judges))


def file_problems(folder: Path, files: Iterable[PinnedFile]) -> list[Problem]:
    """Return which of some pinned files are missing in a folder, or changed."""
    problems = []
    for listed in files:
        path = folder / listed.file
        if not path.is_file():
            problems.append(Problem(listed.file, "missing"))
        elif sha256_of(path) != listed.sha256:
            problems.append(Problem(listed.file, "differs from the pinned file (other SHA-256)"))
    return problems
