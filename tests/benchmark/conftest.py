"""Folders to test with: the official dataset where it is present, and small datasets of drawn photos."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from dreambench.benchmark.official import DOCUMENTS, official_photos

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the real cache folder."""
    monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def official() -> Path:
    """The official dataset's folder; the test is skipped where it is absent."""
    shared = Path(os.environ.get("DREAMBENCH_SHARED_DATA") or ROOT.parent / "shared" / "data")
    folder = shared / "dreambooth" / "dataset"
    if not folder.is_dir():
        pytest.skip(f"the official dataset is not in {folder} (set DREAMBENCH_SHARED_DATA)")
    return folder


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
