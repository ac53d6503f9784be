"""The drawn photos as a dataset on disk: made when they are asked for, the same bytes on every machine."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dreambench.paths import BUILTIN, cache_folder
from dreambench.store.files import write_folder_atomically
from miniature.world import held_out_subjects, photo, write_photos

#: What ``data.folder`` holds for the drawn photos, and the name of their dataset.
PHOTOS = f"{BUILTIN}mini/photos"
NAME = "mini"


def drawn_photos() -> Path:
    """Return the folder of the 30 drawn subjects' photos in the cache, drawing them where it is absent.

    They are drawn in memory each time (half a second), and the folder is named by their pixels: photos
    that an older version drew are never taken for these.
    """
    digest = hashlib.sha256()
    for subject, entry in held_out_subjects().items():
        digest.update(f"{subject}/{entry.vector.noun}/{entry.category}".encode())
        for index in range(entry.photos):
            digest.update(photo(subject, index).tobytes())
    folder = cache_folder() / f"mini-photos-{digest.hexdigest()[:12]}"
    if not folder.exists():
        try:
            write_folder_atomically(folder, write_photos)
        except OSError:
            if not folder.exists():  # else another process was faster
                raise
    return folder
