"""Folders that survive a kill and are not believed after a restart of the machine."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from dreambench.store import files, scratch_folder
from dreambench.store.scratch_folder import is_intact, keep_or_remove, write_scratch_folder


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were forced onto the disk."""
    paths: list[Path] = []
    monkeypatch.setattr(files, "_sync_file", paths.append)
    return paths


def fill(folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / "weights").write_text("numbers")


def test_it_is_whole_and_nothing_waits_for_the_disk(tmp_path: Path, synced: list[Path]) -> None:
    write_scratch_folder(tmp_path / "dog", fill)
    assert is_intact(tmp_path / "dog")
    assert (tmp_path / "dog" / "inner" / "weights").read_text() == "numbers"
    assert synced == []


def test_after_a_restart_of_the_machine_it_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_scratch_folder(tmp_path / "dog", fill)
    monkeypatch.setattr(scratch_folder, "boot_id", lambda: "another")
    assert not is_intact(tmp_path / "dog")
    assert not is_intact(tmp_path / "cat")


def test_a_folder_that_has_lost_its_note_is_not_believed(tmp_path: Path) -> None:
    write_scratch_folder(tmp_path / "dog", fill)
    (tmp_path / "dog" / ".boot").unlink()
    assert not is_intact(tmp_path / "dog")


def test_without_a_name_of_the_systems_start_it_is_forced_onto_the_disk(
    tmp_path: Path, synced: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch_folder, "boot_id", lambda: None)
    write_scratch_folder(tmp_path / "dog", fill)
    assert is_intact(tmp_path / "dog")
    assert {path.name for path in synced} == {".boot", "weights"}


def test_what_is_kept_is_on_the_disk(tmp_path: Path, synced: list[Path]) -> None:
    write_scratch_folder(tmp_path / "dog", fill)
    keep_or_remove(tmp_path / "dog", tmp_path / "kept" / "dog", keep=True)
    assert {path.name for path in synced} == {".boot", "weights"}
    assert [path.name for path in (tmp_path / "kept" / "dog").iterdir()] == ["inner"]
    assert not (tmp_path / "dog").exists()


def test_what_is_not_believed_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_scratch_folder(tmp_path / "dog", fill)
    monkeypatch.setattr(scratch_folder, "boot_id", lambda: "another")
    keep_or_remove(tmp_path / "dog", tmp_path / "kept" / "dog", keep=True)
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_may_go_to_another_disk(
    tmp_path: Path, synced: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_scratch_folder(tmp_path / "dog", fill)
    rename, seen = Path.rename, []

    def between_disks(source: Path, target: Path) -> Path:
        seen.append((source, target))
        if source == tmp_path / "dog":
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", between_disks)
    keep_or_remove(tmp_path / "dog", tmp_path / "kept" / "dog", keep=True)
    assert seen == [(tmp_path / "dog", tmp_path / "kept" / "dog")]
    assert (tmp_path / "kept" / "dog" / "inner" / "weights").read_text() == "numbers"
    assert [path.name for path in (tmp_path / "kept" / "dog").iterdir()] == ["inner"]
    assert "kept" in {path.parents[1].name for path in synced if path.name == ".boot"}
    assert not (tmp_path / "dog").exists()


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    for keep in (True, False):
        keep_or_remove(tmp_path / "none", tmp_path / "kept", keep)
    assert list(tmp_path.iterdir()) == []


def test_it_is_removed_where_it_is_not_kept_or_was_kept_before(tmp_path: Path) -> None:
    for keep in (True, True, False):
        write_scratch_folder(tmp_path / "dog", fill)
        keep_or_remove(tmp_path / "dog", tmp_path / "kept", keep)
        assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_it_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    write_scratch_folder(tmp_path / "dog", lambda folder: (folder / "old").touch())
    write_scratch_folder(tmp_path / "dog", fill)
    assert {path.name for path in (tmp_path / "dog").iterdir()} == {".boot", "inner"}
