"""The drawn photos as a dataset, and the files of the package's own by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from dreambench.errors import DreambenchError
from dreambench.models.base_model import open_base
from dreambench.models.encoders.weight_files import local_file
from dreambench.paths import data_folder, located
from dreambench.runs.resolve import resolve_data
from dreambench.spec.presets import build_spec
from dreambench.spec.run_spec import BaseSpec
from miniature.dataset import PHOTOS, drawn_photos


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path / "cache"))


def test_the_preset_draws_its_photos_and_calls_them_by_their_content() -> None:
    spec, dataset = resolve_data(build_spec("mini"))
    assert spec.data.folder == PHOTOS
    # Pinned: the same pixels, and the same bytes, on every machine and with every version of the libraries.
    assert dataset.label == "mini@25e6b0f"
    assert len(dataset.subjects) == 30
    assert sum(len(subject.photos) for subject in dataset.subjects) == 158


def test_photos_are_drawn_once_and_never_taken_from_an_older_drawing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = drawn_photos()
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*.bmp")}
    assert drawn_photos() == folder
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*.bmp")} == before

    from miniature import dataset

    drawn = dataset.photo
    monkeypatch.setattr(dataset, "photo", lambda subject, index: drawn(subject, index) // 2)
    assert drawn_photos() != folder


def test_builtin_names_mean_the_packages_data() -> None:
    assert located("builtin:mini/subjects.yaml") == data_folder() / "mini" / "subjects.yaml"
    assert located("models/base") == Path("models/base")
    with pytest.raises(DreambenchError, match="there is no file"):
        local_file("builtin:mini/nothing.safetensors", "protocol.dino.weights")
    with pytest.raises(DreambenchError, match="neither a folder nor a hub id"):
        open_base(BaseSpec(model="builtin:mini/nothing"))
