"""Photos that are not photos: each is named in one line, and none is waited for."""

from __future__ import annotations

import io
import os
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

SIZE = 48


def _bytes(kind: str, **options: object) -> bytes:
    image = Image.frombytes("RGB", (SIZE, SIZE), random.Random(5).randbytes(3 * SIZE * SIZE))
    content = io.BytesIO()
    image.save(content, format=kind, **options)
    return content.getvalue()


def _chunk(name: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)


def _huge_png() -> bytes:
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", b"") + _chunk(b"IEND", b"")


def _animated(kind: str) -> bytes:
    frames = [Image.new("RGB", (SIZE, SIZE), color) for color in ("red", "blue")]
    content = io.BytesIO()
    frames[0].save(content, format=kind, save_all=True, append_images=frames[1:])
    return content.getvalue()


def _flipped(content: bytes, at: float) -> bytes:
    place = int(len(content) * at)
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


PNG, JPEG, WEBP = _bytes("PNG"), _bytes("JPEG"), _bytes("WEBP", lossless=True)
CONTENTS = {
    "empty": (b"", "is empty"),
    "one byte": (b"\x89", "not an image"),
    "text": (b"hello, world", "not an image"),
    "HTML of a failed download": (b"<!doctype html><title>404</title>", "not an image"),
    "a Git LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "not an image"),
    "an SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not an image"),
    "a PDF": (b"%PDF-1.7\n%%EOF", "not an image"),
    "zeros": (bytes(4096), "not an image"),
    "noise": (random.Random(1).randbytes(4096), "not an image"),
    "a pickle": (b"\x80\x04\x95\x00cos\nsystem\n.", "not an image"),
    "a PNG of its signature alone": (PNG[:8], "not an image"),
    "a PNG cut in its header": (PNG[:20], "cut off"),
    "a PNG cut in its pixels": (PNG[: len(PNG) // 2], "cut off"),
    "a PNG without its end": (PNG[:-12], "lacks the end"),
    "a PNG without the last bytes of its end": (PNG[:-4], "lacks the end"),
    "a PNG with a wrong byte in its pixels": (_flipped(PNG, 0.5), "damaged"),
    "a PNG of 3.6 gigapixels": (_huge_png(), "too large"),
    "a JPEG cut in half": (JPEG[: len(JPEG) // 2], "cut off"),
    "a JPEG of its first bytes": (JPEG[:10], "cut off"),
    "a WebP cut in half": (WEBP[: len(WEBP) // 2], "is"),
    "an animated GIF": (_animated("GIF"), "animated"),
    "an animated PNG": (_animated("PNG"), "animated"),
    "an animated WebP": (_animated("WEBP"), "animated"),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_a_photo_that_is_none_is_named(refused, own: Callable[..., Path], case: str) -> None:
    content, told = CONTENTS[case]
    folder = own("subject,class_noun\nmug,mug\n", "mug")
    (folder / "mug" / "0.png").write_bytes(content)
    line = refused("run", "--preset", "mini", "--data", str(folder))
    assert "0.png" in line
    assert told in line


def _pipe(place: Path) -> None:
    os.mkfifo(place)


def _device(place: Path) -> None:
    place.symlink_to("/dev/zero")


def _folder(place: Path) -> None:
    place.mkdir()


def _nowhere(place: Path) -> None:
    place.symlink_to(place.with_name("nowhere.png"))


def _itself(place: Path) -> None:
    place.symlink_to(place)


@pytest.mark.parametrize("make", [_pipe, _device, _folder, _nowhere, _itself])
def test_a_photo_that_is_no_file_is_named_and_not_waited_for(refused, own, make) -> None:
    folder = own("subject,class_noun\nmug,mug\n", "mug")
    (folder / "mug" / "0.png").unlink()
    make(folder / "mug" / "0.png")
    assert "0.png" in refused("run", "--preset", "mini", "--data", str(folder))


def test_a_telephones_photo_says_what_reads_it(tmp_path: Path) -> None:
    from dreambench.dataset.images import image_problem

    (tmp_path / "a.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    problem = image_problem(tmp_path / "a.HEIC")
    assert problem is not None
    assert "pillow-heif" in problem or "cannot identify" in problem or "not an image" in problem


LISTS = {
    "empty": ("", "has no column 'subject'"),
    "a header alone": ("subject,class_noun\n", "names no subject"),
    "another header": ("name,noun\nmug,mug\n", "has no column 'subject'"),
    "a column twice": ("subject,class_noun,class_noun\nmug,mug,mug\n", "column twice"),
    "an unknown column": ("subject,class_noun,color\nmug,mug,red\n", "unknown column 'color'"),
    "a subject twice": ("subject,class_noun\nmug,mug\nmug,cup\n", "listed twice"),
    "one folder on a Mac": ("subject,class_noun\nmug,mug\nMug,cup\n", "would share a folder"),
    "a subject in another folder": ("subject,class_noun\n../mug,mug\n", "path separator"),
    "a hidden subject": ("subject,class_noun\n.mug,mug\n", "begin with a dot"),
    "all": ("subject,class_noun\nall,mug\n", "may not be called 'all'"),
    "no noun": ("subject,class_noun\nmug,\n", "no class noun"),
    "an unknown category": ("subject,class_noun,category\nmug,mug,alive\n", "category 'alive'"),
    "a cell too many": ("subject,class_noun\nmug,mug,object\n", "3 cells under 2 columns"),
    "an open quote": ('subject,class_noun\n"mug,mug\n', "is not CSV"),
    "a field of 200 kB": (f"subject,class_noun\nmug,{'x' * 200_000}\n", "is not CSV"),
    "a folder that is not there": ("subject,class_noun\ncup,cup\n", "folder does not exist"),
}


@pytest.mark.parametrize("case", LISTS)
def test_a_list_of_subjects_that_is_wrong_is_named(refused, own, case: str) -> None:
    content, told = LISTS[case]
    folder = own(content, "mug")
    line = refused("run", "--preset", "mini", "--data", str(folder))
    assert told in line


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_list_in_another_encoding_is_named(refused, own, encoding: str) -> None:
    folder = own("subject,class_noun\nmug,caf\xe9\n", "mug", encoding=encoding)
    assert "not UTF-8" in refused("run", "--preset", "mini", "--data", str(folder))


def test_a_list_that_is_a_pipe_is_not_waited_for(refused, own) -> None:
    folder = own("subject,class_noun\nmug,mug\n", "mug")
    (folder / "subjects.csv").unlink()
    os.mkfifo(folder / "subjects.csv")
    assert "subjects.csv" in refused("run", "--preset", "mini", "--data", str(folder))
