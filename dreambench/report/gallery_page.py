"""Galleries, in the report, on their own page and as contact sheets: subjects, and their prompts' images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from dreambench.analysis import RunScores
from dreambench.dataset.image_request import ImageRequest
from dreambench.dataset.prompt_sets import PromptGroup
from dreambench.report import numbers
from dreambench.report.contact_sheet import ContactSheet, draw_contact_sheet
from dreambench.report.html import FROM_DISK, render
from dreambench.report.pictures import Album, Picture, link_to
from dreambench.report.thumbnails import gallery_places, problems, thumbnails_at
from dreambench.spec.signature import MINIATURE_NOTE, MINIATURE_PRESET
from dreambench.store.files import write_atomically, write_text
from dreambench.store.gallery_folder import GalleryFolder, GalleryRecord, galleries_of

PAGE = "index.html"
NOT_SCORED = "Images of a gallery are not scored."


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
    return GalleryView(record, run, _drawn(record), missing, tuple(subjects))


def _group(gallery: GalleryFolder, subject: str, group: PromptGroup, album: Album, top: Path) -> GroupView:
    sheet = gallery.sheet_file(subject, group)
    rows = tuple(
        (images[0].prompt, tuple(_picture(subject, image, album, top) for image in images))
        for images in _by_prompt(gallery, subject, group)
    )
    link = link_to(sheet, album.out, top) if sheet.exists() else None
    return GroupView(group.title, _prompts_from(group), link, rows)


def _picture(subject: str, image: ImageRequest, album: Album, top: Path) -> Picture:
    alt = f"{subject}: {image.prompt}, image {image.image_index + 1}"
    shown = album.thumbnails.get(image.file.absolute())
    if shown is None:
        return Picture(alt, f"{alt}: missing", None, "missing")
    title = f"{image.prompt} · seed {image.seed}"
    return Picture(alt, title, shown.href, shown.problem, link_to(image.file, album.out, top))


def write_sheets(gallery: GalleryFolder, subject: str) -> list[Path]:
    """Write a subject's contact sheets as PNG files and return them."""
    written = []
    for group in gallery.record.groups(subject):
        image = draw_contact_sheet(contact_sheet(gallery, subject, group))
        file = gallery.sheet_file(subject, group)
        write_atomically(file, lambda path, image=image: image.save(path, format="PNG"))  # type: ignore[misc]
        written.append(file)
    return written


def contact_sheet(gallery: GalleryFolder, subject: str, group: PromptGroup) -> ContactSheet:
    """Return the content of the sheet of one subject and one group of prompts."""
    record = gallery.record
    shown = record.subjects[subject]
    mini = (f"Preset mini. {MINIATURE_NOTE}.",) if record.preset == MINIATURE_PRESET else ()
    return ContactSheet(
        title=f"{subject}: {group.title}",
        subtitle=" · ".join((shown.class_noun, record.method, f"run {record.run}", _drawn(record))),
        photos=tuple(Path(photo) for photo in shown.photos),
        rows=tuple(
            (images[0].prompt, tuple(image.file for image in images))
            for images in _by_prompt(gallery, subject, group)
        ),
        footer=(*mini, " ".join(filter(None, (_prompts_from(group), NOT_SCORED)))),
    )


def _by_prompt(gallery: GalleryFolder, subject: str, group: PromptGroup) -> list[list[ImageRequest]]:
    """Return the images of a group, prompt by prompt."""
    images = gallery.images_of(subject, group)
    return [list(some) for _, some in groupby(images, key=lambda image: image.prompt_index)]


def _drawn(record: GalleryRecord) -> str:
    """Say how many images each prompt has, and their seed."""
    return f"{numbers.plural(record.images, 'image')} each · seed {record.seed}"


def _prompts_from(group: PromptGroup) -> str:
    """Return the sentence that says where a group's prompts come from; empty if that is unknown."""
    return f"Prompts: {group.source}." if group.source else ""
