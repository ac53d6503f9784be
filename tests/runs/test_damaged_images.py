"""Which files of a run count as damaged images: by their hash where one is known, otherwise by their ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from dreambench.paths import sha256_of
from dreambench.runs.subject import _is_damaged


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "00-0.png")
    return tmp_path / "00-0.png"


def test_a_whole_image_is_not_damaged_and_one_that_is_not_there_is_missing_instead(whole: Path) -> None:
    assert not _is_damaged(whole, sha256_of(whole))
    assert not _is_damaged(whole, None)
    assert not _is_damaged(whole.with_name("01-0.png"), None)


def test_another_image_is_damaged_where_the_hash_is_known(whole: Path) -> None:
    known = sha256_of(whole)
    Image.new("RGB", (8, 8), "blue").save(whole)
    assert _is_damaged(whole, known)
    assert not _is_damaged(whole, None)


@pytest.mark.parametrize(
    "broken",
    [
        lambda png: b"",
        lambda png: png[:5],
        lambda png: png[:-1],
        lambda png: b"GIF" + png,
        lambda png: png[:-8],
    ],
)
def test_without_a_hash_an_image_has_to_begin_and_to_end_as_a_png_does(whole: Path, broken) -> None:
    whole.write_bytes(broken(whole.read_bytes()))
    assert _is_damaged(whole, None)


def test_folders_and_links_to_nowhere_are_damaged(tmp_path: Path) -> None:
    (tmp_path / "00-0.png").mkdir()
    (tmp_path / "01-0.png").symlink_to("nowhere")
    assert all(
        _is_damaged(tmp_path / name, known) for name in ("00-0.png", "01-0.png") for known in (None, "0")
    )
