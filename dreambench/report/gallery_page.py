"""Writing a gallery: its contact sheets and its own page, in its own folder."""

from __future__ import annotations

from pathlib import Path

from dreambench.report.gallery_views import gallery_view
from dreambench.report.html import FROM_DISK, render
from dreambench.report.pictures import Album
from dreambench.report.thumbnails import gallery_places, problems, thumbnails_at
from dreambench.spec.signature import MINIATURE_NOTE, MINIATURE_PRESET
from dreambench.store.files import write_text
from dreambench.store.gallery_folder import GalleryFolder

PAGE = "index.html"


def write_gallery_page(gallery: GalleryFolder, quiet: bool = False) -> Path:
    """Write a gallery's page beside its images, and return the page's path.

    It opens from disk and loads nothing over the network. Raises DreambenchError where the folder cannot
    be written.
    """
    out, record = gallery.path, gallery.record
    thumbnails = thumbnails_at(dict(gallery_places(gallery, "images")), out, quiet)
    page = render(
        "gallery_page.html.j2",
        FROM_DISK,
        gallery=gallery_view(gallery, Album(thumbnails, out), out, "subject", record.run),
        miniature=MINIATURE_NOTE if record.preset == MINIATURE_PRESET else "",
        unreadable=problems(thumbnails),
    )
    write_text(out / PAGE, page)
    return out / PAGE
