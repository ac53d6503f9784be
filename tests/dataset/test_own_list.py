"""The list of one's own subjects: written from the folders, and what they have that is not used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from dreambench.dataset import load_dataset
from dreambench.dataset.own_list import unused_parts, write_list
from dreambench.errors import DreambenchError
from tests.cli.conftest import dreambench as dreambench


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name, count in (("my_mug", 2), ("dog2", 1), ("notes", 0)):
        (tmp_path / "mine" / name).mkdir(parents=True)
        for index in range(count):
            Image.new("RGB", (8, 8), (40 * index, 9, 9)).save(tmp_path / "mine" / name / f"{index}.png")
    (tmp_path / "mine" / "notes" / "readme.txt").write_text("hello")
    return tmp_path / "mine"


def test_a_list_is_written_that_a_run_can_use(folders: Path) -> None:
    assert write_list(folders) == [("dog2", "dog", "object"), ("my_mug", "my mug", "object")]
    assert [subject.name for subject in load_dataset(folders).subjects] == ["dog2", "my_mug"]
    with pytest.raises(DreambenchError, match="is there already"):
        write_list(folders)


@pytest.mark.parametrize("place", ["notes", "nowhere"])
def test_no_photos_no_list(folders: Path, place: str) -> None:
    with pytest.raises(DreambenchError):
        write_list(folders / place)
    assert not (folders / place / "subjects.csv").exists()


def test_what_is_not_used_is_listed(folders: Path) -> None:
    write_list(folders)
    (folders / "my_mug" / "IMG_1.HEIC").write_bytes(b"x")
    (folders / "my_mug" / "notes.txt").write_text("x")
    found = {note.file: note.problem for note in unused_parts(folders)}
    assert set(found) == {"notes", "my_mug/IMG_1.HEIC", "my_mug/notes.txt", "dog2"}
    assert "save it as JPEG" in found["my_mug/IMG_1.HEIC"]
    assert "does not name" in found["notes"]


def test_the_commands_say_it(dreambench, folders: Path) -> None:
    done = dreambench("data", "init", str(folders))
    assert (done.code, "my mug" in done.out) == (0, True)
    verified = dreambench("data", "verify", "--data", str(folders))
    assert (verified.code, "not used" in verified.out) == (0, True)
    shown = json.loads(dreambench("data", "verify", "--data", str(folders), "--json").out)
    assert [note["file"] for note in shown["notes"]] == ["notes", "dog2"]


def test_a_listed_folder_that_is_missing_is_a_problem_beside_the_others(dreambench, folders: Path) -> None:
    write_list(folders)
    (folders / "dog2" / "0.png").unlink()
    (folders / "dog2").rmdir()
    (folders / "my_mug" / "0.png").write_bytes(b"")
    verified = dreambench("data", "verify", "--data", str(folders), "--json")
    assert verified.code == 1
    assert {row["file"] for row in json.loads(verified.out)["problems"]} == {"dog2", "my_mug/0.png"}
