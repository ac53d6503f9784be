"""Where the photos of a moved run are looked for, and which of them count."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dreambench.dataset import load_dataset
from dreambench.errors import DreambenchError
from dreambench.spec.run_spec import DataSpec
from dreambench.store import RunFolder
from dreambench.store.moved_photos import find_photos
from tests.store.material import picture, record

NAMES = ("0.png", "1.png")


def dataset(folder: Path, first: int = 0) -> Path:
    """Write a dataset of one subject, a mug with two photos."""
    (folder / "mug").mkdir(parents=True)
    (folder / "subjects.csv").write_text("subject,class_noun\nmug,mug\n")
    for number, name in enumerate(NAMES, start=first):
        picture(number).save(folder / "mug" / name)
    return folder


def run_of(folder: Path, named: str, path: Path) -> RunFolder:
    """Return a run of a dataset, which its log calls ``named``."""
    found = load_dataset(folder)
    data = DataSpec(folder=named, label=found.label, fingerprint=found.fingerprint)
    log = record()
    spec = log.spec.model_copy(update={"data": data})
    photos = {"mug": [str(folder / "mug" / name) for name in NAMES]}
    return RunFolder(path, log.model_copy(update={"spec": spec, "photos": photos}))


def test_a_dataset_that_moved_together_with_the_run_is_found(tmp_path: Path) -> None:
    run = run_of(dataset(tmp_path / "old" / "run" / "photos"), "photos", tmp_path / "new" / "run")
    assert find_photos(run) is run  # all are there
    run.notices.append("a notice")
    shutil.move(tmp_path / "old", tmp_path / "new")
    found = find_photos(run)
    assert found.record.photos == {"mug": [str(tmp_path / "new/run/photos/mug" / name) for name in NAMES]}
    assert found.notices == ["a notice"]


def test_the_folder_that_is_named_comes_first_and_must_be_the_same_dataset(tmp_path: Path) -> None:
    run = run_of(dataset(tmp_path / "photos"), str(tmp_path / "photos"), tmp_path / "run")
    shutil.copytree(tmp_path / "photos", tmp_path / "copy")
    found = find_photos(run, tmp_path / "copy")
    assert found.record.photos == {"mug": [str(tmp_path / "copy/mug" / name) for name in NAMES]}
    with pytest.raises(DreambenchError, match="is not the dataset of"):
        find_photos(run, dataset(tmp_path / "other", first=1))
    with pytest.raises(DreambenchError, match="is not the dataset of"):
        find_photos(run, tmp_path / "nowhere")


def test_another_dataset_in_its_place_does_not_count_and_is_said(tmp_path: Path) -> None:
    run = run_of(dataset(tmp_path / "photos"), str(tmp_path / "photos"), tmp_path / "run")
    shutil.rmtree(tmp_path / "photos" / "mug")
    dataset_there = dataset(tmp_path / "again", first=1)
    shutil.move(dataset_there / "mug" / "1.png", dataset_there / "mug" / "2.png")
    shutil.copytree(dataset_there, tmp_path / "photos", dirs_exist_ok=True)
    (tmp_path / "photos" / "mug" / "0.png").rename(tmp_path / "photos" / "mug" / "3.png")
    found = find_photos(run)
    assert found.record.photos == run.record.photos
    (notice,) = found.notices
    assert notice.startswith("run: 2 photos are not at their place")


def test_of_a_log_without_a_fingerprint_a_photo_that_is_not_found_keeps_its_name(tmp_path: Path) -> None:
    run = run_of(dataset(tmp_path / "photos"), str(tmp_path / "photos"), tmp_path / "run")
    data = run.record.spec.data.model_copy(update={"fingerprint": None})
    spec = run.record.spec.model_copy(update={"data": data})
    photos = {"mug": ["/gone/mug/1.png", "/gone/mug/9.png"]}
    run = RunFolder(run.path, run.record.model_copy(update={"spec": spec, "photos": photos}))
    assert find_photos(run).record.photos == {"mug": [str(tmp_path / "photos/mug/1.png"), "/gone/mug/9.png"]}
