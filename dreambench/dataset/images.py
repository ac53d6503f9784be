"""Reading an image file rightly: every color mode becomes RGB, and a bad file becomes one clear line."""

from __future__ import annotations

import stat
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError

from dreambench.errors import DreambenchError
from dreambench.paths import refuse_special

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})

# Pillow's own limit can be switched off by any library in the process; ours stays. Pixels.
MAX_PIXELS = 178_956_970

# What makes a stored picture upright, by its EXIF orientation (1, or an unknown value: nothing). Not
# ImageOps.exif_transpose: it also rewrites the EXIF block, and fails on what some cameras put there.
_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


# Cameras and scanners put previews or pages behind the photo, which is the first picture.
_WITH_FURTHER_PICTURES = ("MPO", "TIFF")
_HEIF = frozenset({".heic", ".heif"})
_PNG_END = b"IEND\xaeB`\x82"


class _UnreadableError(Exception):
    """Why a file is not an image that can be used, without the file's name."""


def read_image(path: Path, what: str = "image") -> Image.Image:
    """Return an image file as RGB, upright.

    EXIF orientation is applied; alpha (also of a palette or a color key) is composited on white;
    16-bit grayscale is scaled to 8 bits, not clipped; CMYK is converted; an ICC profile is not applied.
    ``what`` says in an error what the file is for. Raises DreambenchError naming the file where it is
    missing, empty, a pipe, not an image, cut off, animated, of more than ``MAX_PIXELS`` pixels, or in a
    format whose values have no agreed range (32-bit grayscale).
    """
    try:
        return _read(Path(path))
    except _UnreadableError as error:
        raise DreambenchError(
            f"{what} {path} {error}", "replace it with a whole PNG or JPEG file, or take it out"
        ) from error.__cause__


def as_rgb(image: Image.Image, what: str = "the image") -> Image.Image:
    """Return an image in memory as RGB, upright: the pixels that ``read_image`` returns of its file.

    Raises DreambenchError naming ``what`` where the file behind it is cut off, or as ``read_image`` does for
    32-bit grayscale.
    """
    try:
        _refuse_too_large(image)
        return _upright_rgb(image)
    except _UnreadableError as error:
        remedy = "convert it to RGB, which gives it a range" if image.mode in {"I", "F"} else "take it out"
        raise DreambenchError(f"{what} {error}", remedy) from error
    except Exception as error:  # a file that Pillow decodes only now
        raise DreambenchError(f"{what} is cut off or damaged ({error})", "take it out") from error


def image_problem(path: Path) -> str | None:
    """Return why ``read_image`` would refuse a file, or None where it can be read to its end."""
    try:
        _read(path)
    except _UnreadableError as error:
        return str(error)
    return None


def image_size(path: Path) -> tuple[int, int]:
    """Return the width and height in pixels of an image once upright, by its header. Raises OSError."""
    refuse_special(path, "image")
    with Image.open(path) as image:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) in range(5, 9)
        width, height = image.size
    return (height, width) if turned else (width, height)


def is_photo(path: Path) -> bool:
    """Whether a path is a photo by its name: a known suffix (any case), and not hidden."""
    return path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".")


def _read(path: Path) -> Image.Image:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise _UnreadableError("is a folder, not an image")
        if not stat.S_ISREG(mode):  # a pipe would be waited for without an end
            raise _UnreadableError("is a pipe or a device, not an image")
        if path.suffix.lower() in _HEIF:
            _register_heif()
        if path.stat().st_size == 0:
            raise _UnreadableError("is empty (0 bytes)")
        with Image.open(path) as image:
            _refuse_too_large(image)
            if getattr(image, "is_animated", False) and image.format not in _WITH_FURTHER_PICTURES:
                raise _UnreadableError(f"is animated ({getattr(image, 'n_frames', 2)} frames)")
            image.load()
            if image.format == "PNG" and not _has_end(path):
                raise _UnreadableError("is cut off (it lacks the end of a PNG file)")
            return _upright_rgb(image)
    except _UnreadableError:
        raise
    except FileNotFoundError:
        raise _UnreadableError("does not exist") from None
    except PermissionError as error:
        raise _UnreadableError("may not be read (permission denied)") from error
    except UnidentifiedImageError as error:
        raise _UnreadableError("is not an image in a known format") from error
    except Image.DecompressionBombError as error:
        raise _UnreadableError(f"is too large (more than {MAX_PIXELS} pixels)") from error
    except Exception as error:  # Pillow's decoders raise nearly every type on damaged data
        raise _UnreadableError(f"is cut off or damaged ({error})") from error


def _refuse_too_large(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _UnreadableError(f"is too large ({width} x {height} pixels)")


def _register_heif() -> None:
    """Teach Pillow HEIC, the format of telephones, by a library that not everybody has."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise _UnreadableError("is HEIC: `pip install pillow-heif`, or save it as JPEG") from None
    register_heif_opener()


def _has_end(path: Path) -> bool:
    """Whether a PNG file has its last chunk, which Pillow does without; text may follow it."""
    content = path.read_bytes()
    return _PNG_END in content[-4096:] or _PNG_END in content


def _upright_rgb(image: Image.Image) -> Image.Image:
    if 0 in image.size:
        raise _UnreadableError("has no pixels")
    turn = _TO_UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    rgb = _to_rgb(image)
    return rgb if turn is None else rgb.transpose(turn)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in {"PNG", "PPM"}):
        # Pillow opens 16-bit grayscale as I;16 or, in some versions and formats, as I; its own
        # conversion to 8 bits clips at 255, which turns a photo white. 65535 / 257 = 255.
        return image.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L").convert("RGB")
    if image.mode in {"I", "F"}:
        raise _UnreadableError("has 32-bit greyscale values, which have no agreed range")
    if image.has_transparency_data:
        with_alpha = image.convert("RGBA")
        white = Image.new("RGBA", with_alpha.size, "white")
        return Image.alpha_composite(white, with_alpha).convert("RGB")
    return image.convert("RGB")
