"""The contact sheets of a gallery: one for each subject and group of prompts."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from dreambench.dataset.image_request import ImageRequest
from dreambench.dataset.prompt_sets import PromptGroup
from dreambench.report import numbers
from dreambench.report.contact_sheet import ContactSheet, draw_contact_sheet
from dreambench.spec.signature import MINIATURE_NOTE, MINIATURE_PRESET
from dreambench.store.files import write_atomically
from dreambench.store.gallery_folder import GalleryFolder, GalleryRecord

NOT_SCORED = "Images of a gallery are not scored."


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
        subtitle=" · ".join((shown.class_noun, record.method, f"run {record.run}", drawn(record))),
        photos=tuple(Path(photo) for photo in shown.photos),
        rows=tuple(
            (images[0].prompt, tuple(image.file for image in images))
            for images in by_prompt(gallery, subject, group)
        ),
        footer=(*mini, " ".join(filter(None, (prompts_from(group), NOT_SCORED)))),
    )


def by_prompt(gallery: GalleryFolder, subject: str, group: PromptGroup) -> list[list[ImageRequest]]:
    """Return the images of a group, prompt by prompt."""
    images = gallery.images_of(subject, group)
    return [list(some) for _, some in groupby(images, key=lambda image: image.prompt_index)]


def drawn(record: GalleryRecord) -> str:
    """Say how many images each prompt has, and their seed."""
    return f"{numbers.plural(record.images, 'image')} each · seed {record.seed}"


def prompts_from(group: PromptGroup) -> str:
    """Return the sentence that says where a group's prompts come from; empty if that is unknown."""
    return f"Prompts: {group.source}." if group.source else ""
