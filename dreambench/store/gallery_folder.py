"""The gallery folder: the only module that knows the paths of its files, and what gallery.json says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from dreambench.dataset.image_request import ImageRequest
from dreambench.dataset.prompt_sets import PromptGroup, PromptSet
from dreambench.dataset.prompts import Category
from dreambench.errors import DreambenchError
from dreambench.paths import refuse_special, text_sha256
from dreambench.seeds import stable_seed
from dreambench.spec.run_spec import refuse_differences
from dreambench.spec.version import __version__
from dreambench.store import files
from dreambench.store.record import now
from dreambench.store.run_folder import RunFolder
from dreambench.store.writer_lock import has_files, only_writer

_RECORD = "gallery.json"


class GallerySubject(BaseModel):
    """A subject of a gallery: its class noun, its name in prompts (``called``), photos (absolute paths)."""

    model_config = ConfigDict(extra="forbid")

    class_noun: str
    category: Category
    identifier: str | None
    called: str | None
    photos: list[str]


class GalleryRecord(BaseModel):
    """The contents of gallery.json.

    ``images`` counts the images of each prompt, ``images_key`` and ``run`` name the run whose models draw
    them, ``preset`` and ``method`` are that run's. ``subjects`` may grow; the other fields of
    ``identity()`` fix the images.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    run: str
    images_key: str
    preset: str
    method: str
    prompts: PromptSet
    images: int
    seed: int
    subjects: dict[str, GallerySubject]
    status: Literal["started", "interrupted", "failed", "complete"] = "started"
    created: str = ""
    updated: str = ""
    dreambench: str = __version__
    notes: list[str] = []
    error: str | None = None

    def groups(self, subject: str) -> tuple[PromptGroup, ...]:
        """Return the groups of prompts that apply to a subject."""
        return self.prompts.for_category(self.subjects[subject].category)

    def identity(self) -> dict[str, Any]:
        """Return what the images depend on beside their subject, by the names that a user knows."""
        prompts = [[list(g.suits), [p.template for p in g.prompts]] for g in self.prompts.groups]
        return {"run": self.images_key, "prompts": prompts, "images": self.images, "seed": self.seed}

    @property
    def folder_name(self) -> str:
        """The folder's name in a run: the same for the same images, another one for changed prompts."""
        return f"{self.prompts.name}-{text_sha256(json.dumps(self.identity(), sort_keys=True))[:8]}"


class GalleryFolder:
    """The files of one gallery below ``path``. Only the holder of ``locked_gallery`` writes."""

    def __init__(self, path: Path, record: GalleryRecord) -> None:
        self.path = path
        self.record = record

    def images(self, subject: str) -> list[ImageRequest]:
        """Return all images of a subject's prompts, in order, whether they exist or not."""
        return [image for group in self.record.groups(subject) for image in self.images_of(subject, group)]

    def images_of(self, subject: str, group: PromptGroup) -> list[ImageRequest]:
        """Return the images of one group's prompts.

        An image's seed depends on its prompt's text: the same prompt at another index, or in another set, has
        the same noise.
        """
        entry = self.record.subjects[subject]
        return [
            ImageRequest(
                prompt_index=prompt.index,
                prompt=prompt.text(entry.called, entry.identifier),
                image_index=number,
                seed=stable_seed(self.record.seed, "gallery", subject, prompt.template, number),
                file=self.path / "images" / subject / f"{prompt.index:03d}-{number}.png",
            )
            for prompt in group.prompts
            for number in range(self.record.images)
        ]

    def sheet_file(self, subject: str, group: PromptGroup) -> Path:
        """Return the path of a subject's contact sheet of one group of prompts."""
        return self.path / "sheets" / subject / f"{group.name}.png"

    def weights_folder(self, subject: str) -> Path:
        """Return the folder of weights that are trained again, until the subject's last image is made."""
        return self.path / "work" / subject

    def missing(self, subject: str) -> int:
        """Return the number of a subject's images that do not exist yet."""
        return sum(not image.file.exists() for image in self.images(subject))

    @property
    def label(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    def save_record(self, **changes: Any) -> None:
        """Write gallery.json with some changed fields."""
        self.record = self.record.model_copy(update={**changes, "updated": now()})
        files.write_json(self.path / _RECORD, self.record)


def open_gallery(path: Path) -> GalleryFolder:
    """Open a gallery for reading. Raises DreambenchError if it is missing or damaged."""
    file = path / _RECORD
    refuse_special(file)
    try:
        return GalleryFolder(path, GalleryRecord.model_validate_json(file.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DreambenchError(
            f"{path} contains no gallery", "give a folder of `dreambench gallery`"
        ) from error
    except (ValidationError, ValueError, OSError) as error:
        raise DreambenchError(f"{file} cannot be read as a gallery's log", "give another --out") from error


def galleries_of(run: RunFolder) -> list[GalleryFolder]:
    """Return the galleries in a run's folder, by name; one of another version is left out."""
    found = []
    for file in sorted(run.galleries_folder.glob(f"*/{_RECORD}")):
        try:
            found.append(open_gallery(file.parent))
        except DreambenchError:
            continue  # a run's report does not depend on what is only shown beside its scores
    return found


@contextmanager
def locked_gallery(path: Path, record: GalleryRecord) -> Iterator[GalleryFolder]:
    """Start a gallery in ``path``, or resume the existing one, and keep other processes out.

    The subjects of an existing gallery stay in it. Raises DreambenchError where another process writes to
    the folder, or where it contains other prompts, another run's images, or other files.
    """
    with only_writer(path, "gallery"):
        gallery = GalleryFolder(path, _joined(path, record))
        files.remove_leftovers(path)
        for subject in gallery.record.subjects:
            files.roll_forward(path / "images" / subject)
        gallery.save_record(status="started", error=None)
        yield gallery


def refuse_other(path: Path, record: GalleryRecord) -> None:
    """Raise DreambenchError where ``locked_gallery`` would refuse the contents of ``path``; write nothing."""
    _joined(path, record)


def _joined(path: Path, record: GalleryRecord) -> GalleryRecord:
    if not (path / _RECORD).exists():
        if has_files(path):
            raise DreambenchError(f"{path} is not empty and contains no gallery", "give another --out")
        return record.model_copy(update={"created": now()})
    present = open_gallery(path).record
    theirs = present.identity()
    fields = [name for name, value in record.identity().items() if theirs[name] != value]
    refuse_differences(
        f"{path} contains another gallery", fields, "give another --out, or none", lead="other "
    )
    subjects = {**present.subjects, **record.subjects}
    notes = list(dict.fromkeys([*present.notes, *record.notes]))
    return record.model_copy(update={"created": present.created, "subjects": subjects, "notes": notes})
