"""Masks of the subject, from files or by rembg, and cutting the subject out of an image.

A folder of masks has one PNG file per photo and per image, of the same size, white where the subject is::

    FOLDER/photos/dog/00.png       the mask of the photo 00.jpg of the subject dog
    FOLDER/images/dog/03-1.png     the mask of image 1 of prompt 3, whatever the image's own file is called
"""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image

from dreambench.dataset import read_image
from dreambench.errors import DreambenchError
from dreambench.paths import located, sha256_of
from dreambench.spec.file_metric import ScoredFile
from dreambench.spec.protocol_spec import DinoSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

REMBG = "rembg"
Region = Literal["mask", "box", "mask-and-box"]
#: An RGB image and the mask [height, width] that counts in it; None: all of it counts.
Picture = tuple[Image.Image, "NDArray[np.bool_] | None"]


class MaskedSpec(DinoSpec):
    """An encoder's settings, and where the masks come from.

    ``masks`` is a folder, or ``rembg`` with its model ``rembg_model``; ``made_by`` says in the signature how
    a folder's masks were made (if it is empty, the folder's name does).
    """

    masks: str = ""
    made_by: str = ""
    rembg_model: str = "u2net"


class NoMaskError(Exception):
    """An image has no mask, or an empty one; the message is one line."""


def mask_label(spec: MaskedSpec) -> str:
    """Return how a signature names masks."""
    if spec.masks == REMBG:
        return f"{REMBG}-{spec.rembg_model}"
    return spec.made_by or Path(spec.masks).name or "none"


def check_masks(spec: MaskedSpec) -> None:
    """Raise DreambenchError if no masks are named, or if their folder, or rembg, is missing."""
    field = f"{spec.place}.masks"
    if not spec.masks:
        raise DreambenchError(
            f"{field} names no masks",
            f"give a folder with --set {field}=FOLDER, or --set {field}={REMBG}",
        )
    if spec.masks == REMBG:
        # rembg exits the process if it finds no ONNX runtime.
        absent = [name for name in (REMBG, "onnxruntime") if importlib.util.find_spec(name) is None]
        if absent:
            raise DreambenchError(
                f"{field}={REMBG}: {absent[0]} is not installed",
                "pip install 'dreambench[rembg]', or give a folder",
            )
    elif not (located(spec.masks) / "photos").is_dir():
        raise DreambenchError(
            f"{field}: {located(spec.masks)} has no folder photos",
            "lay masks out as photos/SUBJECT/NAME.png and images/SUBJECT/PROMPT-IMAGE.png",
        )


class Masks:
    """The masks that a protocol's settings name: boolean arrays [height, width], true on the subject."""

    def __init__(self, spec: MaskedSpec) -> None:
        check_masks(spec)
        self.spec = spec
        self._session: Any = None

    def file_of_photo(self, subject: str, photo: Path) -> Path:
        """Return the path of a photo's mask."""
        return located(self.spec.masks) / "photos" / subject / f"{photo.stem}.png"

    def file_of_image(self, file: ScoredFile) -> Path:
        """Return the path of a generated image's mask."""
        return located(self.spec.masks) / "images" / file.subject / f"{file.cell}.png"

    def key(self, mask_file: Path) -> str:
        """Return the key of a mask's content: the SHA-256 of its file, or rembg's model.

        Raises NoMaskError if there is no such file.
        """
        if self.spec.masks == REMBG:
            return mask_label(self.spec)
        try:
            return sha256_of(mask_file)
        except OSError as error:
            raise NoMaskError(f"there is no mask {mask_file}") from error

    def picture(self, file: Path, mask_file: Path | None, what: str = "image") -> Picture:
        """Return an image file and its mask, None without a mask's file. Raises as ``mask`` does."""
        image = read_image(file, what)
        return image, None if mask_file is None else self.mask(image, mask_file)

    def mask(self, image: Image.Image, mask_file: Path) -> NDArray[np.bool_]:
        """Return the mask of an RGB image.

        Raises NoMaskError if it is missing or empty, and DreambenchError if its file is damaged, has
        color or transparency, or does not have the image's size.
        """
        found = self._by_rembg(image) if self.spec.masks == REMBG else _read(mask_file, image.size)
        if not found.any():
            raise NoMaskError(
                f"rembg ({self.spec.rembg_model}) finds nothing in an image"
                if self.spec.masks == REMBG
                else f"the mask {mask_file} is empty"
            )
        return found

    def _by_rembg(self, image: Image.Image) -> NDArray[np.bool_]:
        import rembg

        if self._session is None:
            try:
                self._session = rembg.new_session(self.spec.rembg_model)
            except Exception as error:  # rembg's own errors, the network library's and ONNX's
                raise DreambenchError(
                    f"{self.spec.place}.rembg_model: rembg cannot load {self.spec.rembg_model} "
                    f"({type(error).__name__}: {' '.join(str(error).split())[:120]})",
                    "run `rembg d MODEL` on a machine with a network, or give a folder of masks",
                ) from error
        found = rembg.remove(image, session=self._session, only_mask=True)
        return np.asarray(found.convert("L")) >= 128  # type: ignore[union-attr]


def _read(file: Path, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the mask of a file; gray values from 128 are the subject."""
    if not file.exists():
        raise NoMaskError(f"there is no mask {file}")
    pixels = np.asarray(read_image(file, "mask"))
    with Image.open(file) as opened:
        transparent = opened.has_transparency_data
    if transparent or (pixels != pixels[..., :1]).any():
        raise DreambenchError(
            f"mask {file} has {'transparency' if transparent else 'color'}",
            "save it as a gray image, white where the subject is",
        )
    height, width = pixels.shape[:2]
    if (width, height) != size:
        raise DreambenchError(
            f"mask {file} is {width} x {height}, its image {size[0]} x {size[1]}",
            "make masks of the same size as their images",
        )
    return pixels[..., 0] >= 128


def cut_out(
    image: Image.Image,
    mask: NDArray[np.bool_],
    region: Region,
    background: tuple[int, int, int],
    zoom: float = 1.0,
) -> Image.Image:
    """Return what an encoder sees of an RGB image with a mask [height, width] that is not empty.

    ``mask`` paints everything outside the mask with the color ``background``; ``box`` takes the square around
    the mask, ``zoom`` times its longer side, with that color beyond the image's edge; ``mask-and-box`` does
    both. An encoder with a center crop sees the whole subject if ``zoom`` is its resize divided by its
    crop.

    Example:
        >>> mask = np.zeros((40, 60), dtype=bool)
        >>> mask[10:20, 30:50] = True
        >>> cut_out(Image.new("RGB", (60, 40)), mask, "box", (124, 116, 104)).size
        (20, 20)
    """
    subject = Image.fromarray(mask)
    if region != "box":
        image = Image.composite(image, Image.new("RGB", image.size, background), subject)
    if region == "mask":
        return image
    left, top, right, bottom = subject.getbbox() or (0, 0, *image.size)
    side = math.ceil(max(right - left, bottom - top) * zoom)
    square = Image.new("RGB", (side, side), background)
    # The square's corner in the image's coordinates; it may be outside the image.
    square.paste(image, (-((left + right - side) // 2), -((top + bottom - side) // 2)))
    return square
