"""The gallery's folder: the only place that knows where a gallery's files are, and who may write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dreambench.dataset.prompt_sets import PromptGroup
from dreambench.errors import DreambenchError
from dreambench.seeds import stable_seed
from dreambench.store import files
from dreambench.store.batches import commit_images, roll_forward
from dreambench.store.gallery_record import GalleryRecord
from dreambench.store.locks import LOCK, only_writer
from dreambench.store.record import now
from dreambench.store.run_folder import RunFolder

if TYPE_CHECKING:
    from PIL import Image

_RECORD = "gallery.json"


@dataclass(frozen=True)
class GalleryImage:
    """One image of a gallery: its prompt (index in the set, and text), number from 0, seed, and place."""

    prompt_index: int
    prompt: str
    image_index: int
    seed: int
    file: Path


class GalleryFolder:
    """The files of one gallery below ``path``. Writing is for the holder of ``locked_gallery``."""

    def __init__(self, path: Path, record: GalleryRecord) -> None:
        self.path = path
        self.record = record

    def images(self, subject: str) -> list[GalleryImage]:
        """Return all images that a subject's prompts ask for, in order, whether they are made or not."""
        return [image for group in self.record.groups(subject) for image in self.images_of(subject, group)]

    def images_of(self, subject: str, group: PromptGroup) -> list[GalleryImage]:
        """Return the images of one group's prompts.

        An image's seed hangs on its prompt's words: the same prompt in another place, or in another set, has
        the same noise.
        """
        called = self.record.subjects[subject]
        return [
            GalleryImage(
                prompt_index=prompt.index,
                prompt=prompt.text(called.called, called.identifier),
                image_index=number,
                seed=stable_seed(self.record.seed, "gallery", subject, prompt.template, number),
                file=self.path / "images" / subject / f"{prompt.index:03d}-{number}.png",
            )
            for prompt in group.prompts
            for number in range(self.record.images)
        ]

    def sheet_file(self, subject: str, group: PromptGroup) -> Path:
        """Return the place of a subject's contact sheet of one group of prompts."""
        return self.path / "sheets" / subject / f"{group.name}.png"

    def weights_folder(self, subject: str) -> Path:
        """Return where weights that were trained anew stay until the subject's last image is made."""
        return self.path / "work" / subject

    def missing(self, subject: str) -> int:
        """Return how many of a subject's images are not made yet."""
        return sum(not image.file.exists() for image in self.images(subject))

    @property
    def label(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    def commit_images(self, images: Mapping[Path, Image.Image]) -> None:
        """Write a batch of one subject's images: all of them, or none."""
        commit_images(images)

    def save_record(self, **changes: Any) -> None:
        """Write gallery.json with some changed fields."""
        self.record = self.record.model_copy(update={**changes, "updated": now()})
        files.write_text(self.path / _RECORD, self.record.model_dump_json(indent=1) + "\n")


def open_gallery(path: Path) -> GalleryFolder:
    """Open a gallery for reading. Raises DreambenchError where there is none, or a damaged one."""
    file = path / _RECORD
    try:
        return GalleryFolder(path, GalleryRecord.model_validate_json(file.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DreambenchError(f"{path} holds no gallery", "give a folder of `dreambench gallery`") from error
    except (ValidationError, ValueError) as error:
        raise DreambenchError(f"{file} cannot be read as a gallery's log", "give another --out") from error


def galleries_of(run: RunFolder) -> list[GalleryFolder]:
    """Return the galleries that lie in a run's folder, by name; one of another version is left out."""
    found = []
    for file in sorted(run.galleries_folder.glob(f"*/{_RECORD}")):
        try:
            found.append(open_gallery(file.parent))
        except DreambenchError:
            continue  # a run's report does not hang on what is only shown beside its scores
    return found


@contextmanager
def locked_gallery(path: Path, record: GalleryRecord) -> Iterator[GalleryFolder]:
    """Start a gallery in ``path``, or go on with the one that is there, keeping everybody else out.

    The subjects of one that is there stay in it. Raises DreambenchError where another process works in
    the folder, or where it holds other prompts, another run's images, or something else.
    """
    with only_writer(path, "gallery"):
        gallery = GalleryFolder(path, _joined(path, record))
        files.remove_leftovers(path)
        for subject in gallery.record.subjects:
            roll_forward(path / "images" / subject)
        gallery.save_record(status="started", error=None)
        yield gallery


def refuse_other(path: Path, record: GalleryRecord) -> None:
    """Raise DreambenchError where ``locked_gallery`` would refuse what lies in ``path``; write nothing."""
    _joined(path, record)


def _joined(path: Path, record: GalleryRecord) -> GalleryRecord:
    if not (path / _RECORD).exists():
        entries = path.iterdir() if path.is_dir() else ()
        if any(entry.name != LOCK and not files.is_leftover(entry) for entry in entries):
            raise DreambenchError(f"{path} is not empty and holds no gallery", "give another --out")
        return record.model_copy(update={"created": now()})
    present = open_gallery(path).record
    theirs = present.identity()
    fields = [name for name, value in record.identity().items() if theirs[name] != value]
    if fields:
        raise DreambenchError(
            f"{path} holds another gallery (other {', '.join(fields)})", "give another --out, or none"
        )
    subjects = {**present.subjects, **record.subjects}
    notes = list(dict.fromkeys([*present.notes, *record.notes]))
    return record.model_copy(update={"created": present.created, "subjects": subjects, "notes": notes})
