"""Every kind of image file becomes upright RGB with the right values, or one clear line."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dreambench.dataset import images, read_image
from dreambench.errors import DreambenchError


def _near(actual: object, wanted: tuple[int, int, int], tolerance: int = 3) -> bool:
    assert isinstance(actual, tuple)
    return all(abs(a - b) <= tolerance for a, b in zip(actual, wanted, strict=True))


def _halves(left: object, right: object, mode: str, size: tuple[int, int] = (32, 16)) -> Image.Image:
    image = Image.new(mode, size, left)  # type: ignore[arg-type]
    image.paste(right, (size[0] // 2, 0, *size))  # type: ignore[arg-type]
    return image


# For each EXIF orientation: where the stored picture's left (red) half ends up when it is upright.
SIDE_OF_RED = {1: "l", 2: "r", 3: "r", 4: "l", 5: "t", 6: "t", 7: "b", 8: "b"}


@pytest.mark.parametrize(("suffix", "tolerance"), [(".jpg", 6), (".png", 0), (".webp", 6), (".tif", 0)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(
    tmp_path: Path, suffix: str, tolerance: int, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"photo{suffix}"
    options: dict[str, Any] = {"quality": 95, "subsampling": 0} if suffix == ".jpg" else {}
    options = {"lossless": True} if suffix == ".webp" else options
    _halves((255, 0, 0), (0, 0, 255), "RGB").save(path, exif=exif, **options)
    image = read_image(path)
    side = SIDE_OF_RED[orientation]
    assert image.size == ((32, 16) if side in "lr" else (16, 32))
    width, height = image.size
    spots = {"l": (2, 8), "r": (width - 3, 8), "t": (8, 2), "b": (8, height - 3)}
    opposite = spots[{"l": "r", "r": "l", "t": "b", "b": "t"}[side]]
    assert _near(image.getpixel(spots[side]), (255, 0, 0), tolerance)
    assert _near(image.getpixel(opposite), (0, 0, 255), tolerance)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_does_not_lose_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    # The maker's name (tag, type text, 6 bytes) turned into one floating-point number.
    wrong_type = exif.tobytes().replace(b"\x01\x0f\0\x02\0\0\0\x06", b"\x01\x0f\0\x0b\0\0\0\x01")
    assert wrong_type != exif.tobytes()
    for block in (b"Exif\0\0II*\0\xff\xff\xff\xff broken", wrong_type):
        Image.new("RGB", (8, 16), (9, 200, 9)).save(path, exif=block)
        assert _near(read_image(path).getpixel((4, 4)), (9, 200, 9), 6)
    assert read_image(path).size == (16, 8)


def test_alpha_is_composited_on_white(tmp_path: Path) -> None:
    cases: dict[str, tuple[Image.Image, tuple[int, int, int], tuple[int, int, int]]] = {
        "rgba": (_halves((255, 0, 0, 0), (0, 0, 0, 128), "RGBA"), (255, 255, 255), (127, 127, 127)),
        "la": (_halves((0, 0), (0, 128), "LA"), (255, 255, 255), (127, 127, 127)),
    }
    for name, (image, left, right) in cases.items():
        image.save(tmp_path / f"{name}.png")
        got = read_image(tmp_path / f"{name}.png")
        assert got.mode == "RGB"
        assert _near(got.getpixel((2, 2)), left, 1), name
        assert _near(got.getpixel((30, 2)), right, 1), name


def test_palettes_and_color_keys_are_transparent(tmp_path: Path) -> None:
    palette = _halves(0, 1, "P")
    palette.putpalette([10, 200, 10, 10, 10, 200])
    palette.save(tmp_path / "opaque.png")
    palette.save(tmp_path / "index.png", transparency=0)
    palette.save(tmp_path / "table.png", transparency=bytes([0, 128]))
    palette.save(tmp_path / "index.gif", transparency=0)
    Image.new("RGB", (4, 4), (1, 2, 3)).save(tmp_path / "key.png", transparency=(1, 2, 3))
    Image.new("L", (4, 4), 5).save(tmp_path / "grey_key.png", transparency=5)

    assert read_image(tmp_path / "opaque.png").getpixel((0, 0)) == (10, 200, 10)
    for name in ("index.png", "table.png", "index.gif", "key.png", "grey_key.png"):
        assert read_image(tmp_path / name).getpixel((0, 0)) == (255, 255, 255), name
    assert read_image(tmp_path / "index.png").getpixel((30, 0)) == (10, 10, 200)
    assert _near(read_image(tmp_path / "table.png").getpixel((30, 0)), (132, 132, 227), 1)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"grey{suffix}"
    values = [0, 257, 32768, 65535]
    Image.frombytes("I;16", (4, 1), struct.pack("<4H", *values)).save(path)
    image = read_image(path)
    assert image.mode == "RGB"
    assert [image.getpixel((x, 0)) for x in range(4)] == [(v,) * 3 for v in (0, 1, 128, 255)]


def test_sixteen_bit_color(tmp_path: Path) -> None:
    # Pillow cannot write 16-bit color: one pixel, straight from the PNG specification.
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    pixel = zlib.compress(b"\0" + struct.pack(">3H", 0, 0x8080, 0xFFFF))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")
    (tmp_path / "deep.png").write_bytes(data)
    assert read_image(tmp_path / "deep.png").getpixel((0, 0)) == (0, 128, 255)


def test_other_modes(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "cmyk.jpg", quality=95)
    Image.new("L", (8, 8), 77).save(tmp_path / "grey.bmp")
    Image.new("1", (8, 8), 1).save(tmp_path / "bits.png")
    assert _near(read_image(tmp_path / "cmyk.jpg").getpixel((4, 4)), (255, 0, 0), 4)
    assert read_image(tmp_path / "grey.bmp").getpixel((4, 4)) == (77, 77, 77)
    assert read_image(tmp_path / "bits.png").getpixel((4, 4)) == (255, 255, 255)


def _kinds() -> dict[str, Image.Image]:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = _halves((255, 0, 0), (0, 0, 255), "RGB")
    turned.info["exif"] = exif.tobytes()
    keyed = _halves(1, 2, "P")
    keyed.putpalette([0, 0, 0, 200, 30, 40, 10, 90, 70])
    keyed.info["transparency"] = 2
    deep = Image.frombytes("I;16", (4, 1), struct.pack("<4H", 0, 257, 32768, 65535))
    alpha = _halves((10, 90, 70, 0), (200, 30, 40, 128), "RGBA")
    return {"turned": turned, "keyed": keyed, "deep": deep, "alpha": alpha}


@pytest.mark.parametrize("kind", _kinds())
def test_an_image_in_memory_has_the_pixels_of_its_file(tmp_path: Path, kind: str) -> None:
    image, path = _kinds()[kind], tmp_path / "image.png"
    image.save(path, exif=image.info.get("exif"))
    for made in (image, Image.open(path)):
        assert images.as_rgb(made).tobytes() == read_image(path).tobytes()


def test_what_is_wrong_with_an_image_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DreambenchError, match="image 3 has 32-bit greyscale values"):
        images.as_rgb(Image.new("F", (8, 8)), "image 3")
    _halves("red", "blue", "RGB", (256, 256)).save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:900])
    with pytest.raises(DreambenchError, match="the image is cut off or damaged"):
        images.as_rgb(Image.open(tmp_path / "cut.jpg"))
    with pytest.raises(DreambenchError, match="the image has no pixels; take it out"):
        images.as_rgb(Image.new("RGB", (8, 0)))
    monkeypatch.setattr(images, "MAX_PIXELS", 63)
    with pytest.raises(DreambenchError, match=r"the image is too large \(8 x 8 pixels\)"):
        images.as_rgb(Image.new("RGB", (8, 8)))


def _moving(path: Path) -> Path:
    frames = [Image.new("RGB", (16, 16), color) for color in ((255, 0, 0), (0, 0, 255))]
    options: dict[str, Any] = {"lossless": True} if path.suffix == ".webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    return path


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_an_animation_is_refused(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(DreambenchError, match=r"is animated \(2 frames\)"):
        read_image(_moving(tmp_path / f"moving{suffix}"))


def test_the_first_page_of_a_tiff_is_the_photo(tmp_path: Path) -> None:
    assert read_image(_moving(tmp_path / "pages.tif")).getpixel((8, 8)) == (255, 0, 0)


def _whole(folder: Path, suffix: str) -> bytes:
    path = folder / f"whole{suffix}"
    Image.effect_noise((64, 64), 80).convert("RGB").save(path)
    return path.read_bytes()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tif"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_cut_off_file_is_named(tmp_path: Path, suffix: str, share: float) -> None:
    content = _whole(tmp_path, suffix)
    path = tmp_path / f"part{suffix}"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(
        DreambenchError, match=r"photo .*/part\.\w+ (is cut off or damaged|is not an image).*; replace it"
    ) as caught:
        read_image(path, "photo")
    assert "\n" not in str(caught.value)


def _make_empty(path: Path) -> None:
    path.write_bytes(b"")


def _make_text(path: Path) -> None:
    path.write_text("this is not a picture\n" * 50)


def _make_float(path: Path) -> None:
    Image.new("F", (4, 4), 0.5).save(path, format="TIFF")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_make_empty, "empty"),
        (_make_text, "not an image"),
        (_make_float, "no agreed range"),
        (Path.mkdir, "folder"),
        (lambda path: None, "does not exist"),
    ],
)
def test_what_is_no_image_is_told(tmp_path: Path, make: Callable[[Path], None], reason: str) -> None:
    path = tmp_path / "bad.jpg"
    make(path)
    with pytest.raises(DreambenchError, match=reason) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
    assert reason in str(images.image_problem(path))


def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (20000, 10000)).save(path)
    with pytest.raises(DreambenchError, match="too large"):
        read_image(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # as some libraries do
    with pytest.raises(DreambenchError, match="too large"):
        read_image(path)


def test_photo_names() -> None:
    assert all(map(images.is_photo, map(Path, ("a.JPG", "b.jpeg", "c.Tiff", "d.webp"))))
    assert not any(map(images.is_photo, map(Path, (".DS_Store", "._a.jpg", "a.txt", "a.gif"))))
