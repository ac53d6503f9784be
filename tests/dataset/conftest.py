"""Datasets to test with: a copy of the official one that may be damaged, and small ones of drawn photos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from dreambench.dataset.official import DOCUMENTS, official_photos


@pytest.fixture
def official_copy(official: Path, tmp_path: Path) -> Path:
    """A copy of the official dataset that may be damaged: links to the photos, which cost nothing."""
    copy = tmp_path / "copy"
    for photo in official_photos():
        (copy / photo.subject).mkdir(parents=True, exist_ok=True)
        (copy / photo.subject / photo.file).symlink_to(official / photo.subject / photo.file)
    for name in DOCUMENTS:
        (copy / name).symlink_to(official / name)
    return copy


@pytest.fixture
def own(tmp_path: Path) -> Callable[..., Path]:
    """Make a user's dataset with the given list; every named subject gets two small photos."""

    def make(text: str, *subjects: str, encoding: str = "utf-8") -> Path:
        folder = tmp_path / "my photos"
        folder.mkdir()
        (folder / "subjects.csv").write_text(text, encoding=encoding)
        for number, subject in enumerate(subjects):
            (folder / subject).mkdir()
            for index in range(2):
                photo = Image.new("RGB", (8, 8), (40 * number, 100 * index, 7))
                photo.save(folder / subject / f"{index}.png")
        return folder

    return make
