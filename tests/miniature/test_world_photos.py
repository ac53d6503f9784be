"""The drawn photos: the world draws exactly what ``data/mini/photos`` contains."""

from __future__ import annotations

import csv
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dreambench.dataset import load_dataset, verify
from dreambench.errors import DreambenchError
from dreambench.paths import data_folder
from dreambench.runs.chosen_data import resolve_data
from dreambench.spec.presets import build_spec
from miniature.world import PLAIN_SURROUNDINGS, held_out_subjects, photo, photo_scene
from miniature.world.__main__ import main
from miniature.world.photos import bitmap_sha256, write_photos

pytestmark = pytest.mark.slow

PHOTOS = data_folder() / "mini" / "photos"


def _manifest() -> list[dict[str, str]]:
    with (data_folder() / "manifests" / "mini.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def test_photos_are_deterministic_and_in_plain_surroundings() -> None:
    assert (photo("dog", 0) == photo("dog", 0)).all()
    for name, entry in held_out_subjects().items():
        places = [photo_scene(name, index).context for index in range(entry.photos)]
        assert set(places) <= set(PLAIN_SURROUNDINGS)
        assert len(set(places)) == entry.photos
    with pytest.raises(DreambenchError, match="unknown subject"):
        photo("dog9", 0)
    with pytest.raises(DreambenchError, match="has no photo 5"):
        photo("dog", 5)


def test_the_world_draws_exactly_the_shipped_photos() -> None:
    drawn = [(name, i) for name, entry in held_out_subjects().items() for i in range(entry.photos)]
    assert len(drawn) == 158
    for name, index in drawn:
        with Image.open(PHOTOS / name / f"{index:02d}.png") as image:
            assert image.mode == "RGB"
            assert (np.asarray(image) == photo(name, index)).all()


def test_the_manifest_is_that_of_the_shipped_photos() -> None:
    rows = _manifest()
    files = sorted(path.relative_to(PHOTOS).as_posix() for path in PHOTOS.glob("*/*"))
    assert sorted(f"{row['subject']}/{row['file']}" for row in rows) == files
    for row in rows:
        content = (PHOTOS / row["subject"] / row["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["sha256"]
        assert len(content) == int(row["bytes"])
        assert bitmap_sha256(photo(row["subject"], int(row["file"][:2]))) == row["bitmap_sha256"]


def test_the_preset_reads_the_shipped_photos_and_names_them_by_their_content() -> None:
    spec, dataset = resolve_data(build_spec("mini"))
    assert spec.data.folder == "builtin:mini/photos"
    # Pinned: the fingerprint is made of the pixels, and is the same on every machine.
    assert dataset.label == "mini@25e6b0f"
    assert dataset.fingerprint == "25e6b0f45e6d582806f0734604bbf61a6d87124ae057ed3743c38ef30bd0f0b7"
    assert dataset.folder == PHOTOS
    assert len(dataset.subjects) == 30
    assert sum(len(subject.photos) for subject in dataset.subjects) == 158


def test_changed_photos_are_another_dataset(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(PHOTOS, folder)
    assert load_dataset(folder).label == "mini@25e6b0f"
    assert verify(folder) == []
    text = (folder / "subjects.csv").read_text()
    (folder / "subjects.csv").write_text(text.replace("dog2,dog,", "dog2,poodle,"))
    assert load_dataset(folder).version != "25e6b0f"
    (folder / "subjects.csv").write_text(text)
    Image.fromarray(photo("dog", 0) // 2).save(folder / "dog" / "00.png")
    changed = load_dataset(folder)
    assert (changed.name, changed.version) != ("mini", "25e6b0f")
    assert changed.name == "photos"


def test_photos_are_written_as_a_dataset_folder(tmp_path: Path) -> None:
    folder = write_photos(tmp_path / "photos")
    assert len(list(folder.glob("*/*.png"))) == 158
    assert (folder / "subjects.csv").read_bytes() == (PHOTOS / "subjects.csv").read_bytes()
    with (folder / "subjects.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["subject"] for row in rows] == list(held_out_subjects())
    assert rows[0] == {"subject": "backpack", "class_noun": "backpack", "category": "object"}
    assert sum(row["category"] == "live" for row in rows) == 9


def test_drawing_again_changes_no_file_that_is_right(tmp_path: Path) -> None:
    shutil.copytree(PHOTOS, tmp_path / "mini" / "photos")
    (tmp_path / "mini" / "photos" / "dog" / "01.png").unlink()
    assert main(["--data", str(tmp_path)]) == 0
    rows = [row for row in _manifest() if (row["subject"], row["file"]) != ("dog", "01.png")]
    written = (tmp_path / "manifests" / "mini.csv").read_text()
    assert all(row["sha256"] in written for row in rows)
    assert (np.asarray(Image.open(tmp_path / "mini" / "photos" / "dog" / "01.png")) == photo("dog", 1)).all()


def test_the_package_works_without_the_painter() -> None:
    code = (
        "import sys; sys.modules['miniature'] = None\n"
        "from dreambench.runs.chosen_data import resolve_data\n"
        "from dreambench.spec.presets import build_spec\n"
        "print(resolve_data(build_spec('mini'))[1].label)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "mini@25e6b0f"
