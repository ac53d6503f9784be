"""Pictures: copies of images and photos whose names, formats and metadata tell nothing of their origin."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from PIL import Image

from dreambench.dataset import read_image

SIDE = 768  # pixels: larger than a column on most screens, small enough for a phone's connection
QUALITY = 95


def picture_names(sources: Iterable[Path]) -> dict[Path, str]:
    """Return a random name for each source; a source that is named twice has one picture."""
    return {source: f"{secrets.token_hex(8)}.webp" for source in dict.fromkeys(sources)}


def write_pictures(names: dict[Path, str], folder: Path, quiet: bool = False) -> None:
    """Write every source's picture into ``folder``, with a bar on stderr unless ``quiet``.

    Raises DreambenchError naming the first source that is missing or damaged.
    """
    from dreambench.progress import reporter

    folder.mkdir(parents=True, exist_ok=True)
    with reporter(quiet) as shown, ThreadPoolExecutor(os.cpu_count()) as pool:
        shown.start("pictures", len(names))
        jobs = [pool.submit(write_picture, source, folder / name) for source, name in names.items()]
        try:
            for job in as_completed(jobs):
                job.result()
                shown.advance("pictures")
        except BaseException:  # also Ctrl-C: what has not begun is not waited for
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        shown.finish("pictures")


def write_picture(source: Path, target: Path) -> None:
    """Write one image as WebP of at most ``SIDE`` pixels a side; nothing but its pixels is copied."""
    image = read_image(source, "image of the study")
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    # Some versions of Pillow write the colour profile that they have read; a new image has read none.
    bare = Image.new("RGB", image.size)
    bare.paste(image)
    bare.save(target, format="WEBP", quality=QUALITY, method=4)
