"""Galleries, in the report and on their own page: a subject's photos, and its prompts with their images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dreambench.analysis import RunScores
from dreambench.dataset.image_request import ImageRequest
from dreambench.dataset.prompt_sets import PromptGroup
from dreambench.report.gallery_sheets import by_prompt, drawn, prompts_from
from dreambench.report.html import FROM_DISK, render
from dreambench.report.pictures import Album, Picture, link_to
from dreambench.report.thumbnails import gallery_places, problems, thumbnails_at
from dreambench.spec.signature import MINIATURE_NOTE, MINIATURE_PRESET
from dreambench.store.files import write_text
from dreambench.store.gallery_folder import GalleryFolder, GalleryRecord, galleries_of

PAGE = "index.html"


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
    """A gallery of the run that the page calls ``run``; ``missing`` counts the images not made yet."""

    record: GalleryRecord
    run: str
    drawn: str
    missing: int
    subjects: tuple[SubjectView, ...]


def write_gallery_page(gallery: GalleryFolder) -> Path:
    """Write a gallery's page beside its images, and return the page's path.

    It opens from disk and loads nothing over the network. Raises DreambenchError where the folder cannot
    be written.
    """
    out, record = gallery.path, gallery.record
    thumbnails = thumbnails_at(dict(gallery_places(gallery, "images")), out)
    page = render(
        "gallery_page.html.j2",
        FROM_DISK,
        gallery=_view(gallery, Album(thumbnails, out), out, "subject", record.run),
        miniature=MINIATURE_NOTE if record.preset == MINIATURE_PRESET else "",
        unreadable=problems(thumbnails),
    )
    write_text(out / PAGE, page)
    return out / PAGE


def gallery_views(scored: Sequence[RunScores], album: Album) -> list[GalleryView]:
    """Return the galleries in the runs' folders."""
    found = [(run, gallery) for run in scored for gallery in galleries_of(run.folder)]
    return [
        _view(gallery, album, run.folder.path, f"gallery-{number}", run.label)
        for number, (run, gallery) in enumerate(found)
    ]


def _view(gallery: GalleryFolder, album: Album, top: Path, anchor: str, run: str) -> GalleryView:
    # The page links to full images where both are below `top`.
    record = gallery.record
    subjects = [
        SubjectView(
            name=name,
            anchor=f"{anchor}-{number}",
            class_noun=subject.class_noun,
            photos=tuple(album.photo(name, Path(photo)) for photo in subject.photos),
            groups=tuple(_group(gallery, name, group, album, top) for group in record.groups(name)),
        )
        for number, (name, subject) in enumerate(record.subjects.items())
    ]
    missing = sum(gallery.missing(name) for name in record.subjects)
    return GalleryView(record, run, drawn(record), missing, tuple(subjects))


def _group(gallery: GalleryFolder, subject: str, group: PromptGroup, album: Album, top: Path) -> GroupView:
    sheet = gallery.sheet_file(subject, group)
    rows = tuple(
        (images[0].prompt, tuple(_picture(subject, image, album, top) for image in images))
        for images in by_prompt(gallery, subject, group)
    )
    link = link_to(sheet, album.out, top) if sheet.exists() else None
    return GroupView(group.title, prompts_from(group), link, rows)


def _picture(subject: str, image: ImageRequest, album: Album, top: Path) -> Picture:
    alt = f"{subject}: {image.prompt}, image {image.image_index + 1}"
    shown = album.thumbnails.get(image.file.absolute())
    if shown is None:
        return Picture(alt, f"{alt}: missing", None, "missing")
    title = f"{image.prompt} · seed {image.seed}"
    return Picture(alt, title, shown.href, shown.problem, link_to(image.file, album.out, top))
