"""What a worker finds of a killed one: its own subject is put in order, and no other is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from dreambench.store import RunFolder
from dreambench.store.files import remove_all, write_atomically
from tests.store.material import everything, pictures, record

HALF = (
    "work/.{}.0123abcd.tmp",
    "logs/.{}-loss.csv.0123abcd.tmp",
    "subjects/.{}.json.0123abcd.tmp",
    "embeddings/dino/.{}.safetensors.0123abcd.tmp",
    "images/{}/..ready-04-0.0123abcd.tmp",
)


def half_written(run: Path, subject: str) -> set[str]:
    names = {name.format(subject) for name in HALF}
    for name in names:
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text("half")
    return names


# A subject's name may hold dots, and what is special in a pattern.
@pytest.mark.parametrize(("subject", "other"), [("dog", "dog.2"), ("dog[2]", "dog2"), ("dog", "cat")])
def test_what_a_killed_worker_left_of_a_subject_is_removed_and_nothing_of_the_others(
    tmp_path: Path, subject: str, other: str
) -> None:
    half_written(tmp_path, subject)
    theirs = half_written(tmp_path, other)
    RunFolder(tmp_path, record()).recover_subject(subject)
    left = {name for name in everything(tmp_path) if name.endswith(".tmp")}
    assert left == theirs


def test_a_temporary_file_has_a_name_that_recovery_finds(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, record())
    seen = []

    def killed(temporary: Path) -> None:
        seen.append(temporary.name)
        temporary.write_text("half")

    write_atomically(run.subject_file("dog"), killed)
    (tmp_path / "subjects" / seen[0]).write_text("half")
    run.recover_subject("dog")
    assert everything(tmp_path / "subjects") == {"dog.json"}


def test_a_batch_that_was_committed_is_moved_into_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "images" / "dog"
    for file, image in pictures(folder / ".ready-00-0").items():
        file.parent.mkdir(parents=True, exist_ok=True)
        image.save(file)
    RunFolder(tmp_path, record()).recover_subject("dog")
    assert everything(folder) == {file.name for file in pictures(folder)}


def test_a_link_to_a_folder_is_removed_and_the_folder_is_left(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "photo.png").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    remove_all([tmp_path / "link"])
    assert everything(tmp_path) == {"kept", "kept/photo.png"}
