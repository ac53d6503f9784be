"""Galleries as a page shows them: per subject its photos, and per group its prompts with their images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dreambench.analysis import RunScores
from dreambench.dataset.image_request import ImageRequest
from dreambench.dataset.prompt_sets import PromptGroup
from dreambench.report.gallery_sheets import by_prompt, drawn, prompts_from
from dreambench.report.pictures import Picture, link_to, photo_of
from dreambench.report.thumbnails import Thumbnail
from dreambench.store.gallery_folder import GalleryFolder, galleries_of


@dataclass(frozen=True)
class GroupView:
    """A group of prompts: where they come from, the link to the contact sheet (or None), and the prompts."""

    title: str
    source: str
    sheet: str | None
    rows: tuple[tuple[str, tuple[Picture, ...]], ...]


@dataclass(frozen=True)
class SubjectView:
    """A subject of a gallery."""

    name: str
    anchor: str
    class_noun: str
    photos: tuple[Picture, ...]
    groups: tuple[GroupView, ...]


@dataclass(frozen=True)
class GalleryView:
    """A gallery; ``missing`` counts the images that are not made yet."""

    title: str
    run: str
    method: str
    source: str
    drawn: str
    missing: int
    notes: tuple[str, ...]
    subjects: tuple[SubjectView, ...]


def gallery_views(
    scored: Sequence[RunScores], thumbnails: Mapping[Path, Thumbnail], out: Path
) -> list[GalleryView]:
    """Return the galleries in the runs' folders."""
    found = [(run, gallery) for run in scored for gallery in galleries_of(run.folder)]
    return [
        gallery_view(gallery, thumbnails, out, run.folder.path, f"gallery-{number}", run.label)
        for number, (run, gallery) in enumerate(found)
    ]


def gallery_view(
    gallery: GalleryFolder,
    thumbnails: Mapping[Path, Thumbnail],
    out: Path,
    top: Path,
    anchor: str,
    run: str,
) -> GalleryView:
    """Return one gallery for a page in ``out``; it links to full images where both are below ``top``."""
    record = gallery.record
    return GalleryView(
        title=record.prompts.title,
        run=run,
        method=record.method,
        source=record.prompts.source,
        drawn=drawn(record),
        missing=sum(gallery.missing(name) for name in record.subjects),
        notes=tuple(record.notes),
        subjects=tuple(
            SubjectView(
                name=name,
                anchor=f"{anchor}-{number}",
                class_noun=subject.class_noun,
                photos=tuple(photo_of(name, Path(photo), thumbnails) for photo in subject.photos),
                groups=tuple(
                    _group(gallery, name, group, thumbnails, out, top) for group in record.groups(name)
                ),
            )
            for number, (name, subject) in enumerate(record.subjects.items())
        ),
    )


def _group(
    gallery: GalleryFolder,
    subject: str,
    group: PromptGroup,
    thumbnails: Mapping[Path, Thumbnail],
    out: Path,
    top: Path,
) -> GroupView:
    sheet = gallery.sheet_file(subject, group)
    rows = tuple(
        (images[0].prompt, tuple(_picture(subject, image, thumbnails, out, top) for image in images))
        for images in by_prompt(gallery, subject, group)
    )
    return GroupView(
        group.title, prompts_from(group), link_to(sheet, out, top) if sheet.exists() else None, rows
    )


def _picture(
    subject: str, image: ImageRequest, thumbnails: Mapping[Path, Thumbnail], out: Path, top: Path
) -> Picture:
    alt = f"{subject}: {image.prompt}, image {image.image_index + 1}"
    shown = thumbnails.get(image.file.absolute())
    if shown is None:
        return Picture(alt, f"{alt}: missing", None, "missing")
    title = f"{image.prompt} · seed {image.seed}"
    return Picture(alt, title, shown.href, shown.problem, link_to(image.file, out, top))
