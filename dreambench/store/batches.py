"""A batch of images enters its folder as a whole: nothing is made twice, nothing is half there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dreambench.store import files

if TYPE_CHECKING:
    from PIL import Image


def commit_images(images: Mapping[Path, Image.Image]) -> None:
    """Write a batch of images of one folder as PNG files: all of them, or none.

    The batch is written to a folder of its own whose rename is the commit; its files are then moved to
    their places, and ``roll_forward`` finishes what a writer killed in between left. An image that is
    already in its place is left alone.
    """
    missing = {path: image for path, image in images.items() if not path.exists()}
    if not missing:
        return
    folder = next(iter(missing)).parent
    with files.no_space_is_one_line(folder):
        folder.mkdir(parents=True, exist_ok=True)
    ready = folder / f".ready-{min(path.stem for path in missing)}"

    def fill(temporary: Path) -> None:
        for path, image in missing.items():
            image.save(temporary / path.name, format="PNG")

    files.write_folder_atomically(ready, fill)
    _move_into_place(ready)


def roll_forward(folder: Path) -> None:
    """Finish the commits that were cut short in ``folder``; call it under the lock, before looking."""
    for ready in sorted(folder.glob(".ready-*")):
        _move_into_place(ready)


def _move_into_place(ready: Path) -> None:
    with files.no_space_is_one_line(ready):
        for file in sorted(ready.iterdir()):
            os.replace(file, ready.parent / file.name)
        ready.rmdir()
        files.sync_folder(ready.parent)
