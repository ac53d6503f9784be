"""Public files at pinned versions: which they are, where they are, and whether a folder contains them.

The ratings of subject-driven generation are TIGER-AI-Lab/ImagenHub's (3 raters, 150 images by each of 5
methods) and TIGER-AI-Lab/VIEScore's (CLIP-I and DINO of the same images, for 4 of the methods), both MIT.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from dreambench.dataset.dataset import Problem
from dreambench.dataset.official import manifest_rows
from dreambench.paths import cache_folder, data_folder, sha256_of

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


@dataclass(frozen=True)
class PinnedFiles:
    """The files that ``data/manifests/NAME.csv`` lists; with an ``option`` of the pull, NAME-OPTION.csv."""

    name: str
    option: str = ""

    @property
    def files(self) -> tuple[PinnedFile, ...]:
        """The manifest."""
        name = f"{self.name}-{self.option}" if self.option else self.name
        rows = manifest_rows(data_folder() / "manifests" / f"{name}.csv")
        return TypeAdapter(tuple[PinnedFile, ...]).validate_python(tuple(rows))

    @property
    def label(self) -> str:
        """Name and version, such as ``imagenhub@439f72c``."""
        return f"{self.name}@{self.files[0].commit[:7]}"

    @property
    def command(self) -> str:
        """What pulls them."""
        return f"dreambench data pull {self.name}" + (f" --{self.option}" if self.option else "")

    @property
    def folder(self) -> Path:
        """Where ``command`` puts them, or would."""
        place = self.label.replace("@", "-")
        return cache_folder() / (f"{place}-{self.option}" if self.option else place)

    def problems(self, folder: Path) -> list[Problem]:
        """Return which of the files are missing in a folder, or changed; none means it contains them all."""
        problems = []
        for listed in self.files:
            path = folder / listed.file
            if not path.is_file():
                problems.append(Problem(listed.file, "missing"))
            elif sha256_of(path) != listed.sha256:
                problems.append(Problem(listed.file, "differs from the pinned file (other SHA-256)"))
        return problems


#: The raters' tables first, then the automatic scores.
IMAGENHUB = PinnedFiles("imagenhub")
#: All three tasks, with the replies of 17 vision-language judges.
IMAGENHUB_JUDGES = PinnedFiles("imagenhub", "judges")
