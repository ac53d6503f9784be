"""Files and folders appear whole or not at all, whatever interrupts their writer."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from dreambench.store.files import commit_images, write_atomically, write_folder_atomically, write_text
from tests.store.material import everything, pictures


class TestOneFile:
    def test_a_file_appears_whole_with_its_folder(self, tmp_path):
        write_text(tmp_path / "new" / "note.txt", "grüß\n")
        assert (tmp_path / "new" / "note.txt").read_text(encoding="utf-8") == "grüß\n"
        assert everything(tmp_path) == {"new", "new/note.txt"}

    def test_lines_end_the_same_way_on_every_system(self, tmp_path, monkeypatch):
        opened = io.open

        def as_on_windows(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, **more):
            translated = "\r\n" if newline is None and "b" not in mode and "r" not in mode else newline
            return opened(file, mode, buffering, encoding, errors, translated, **more)

        monkeypatch.setattr(io, "open", as_on_windows)
        write_text(tmp_path / "table.csv", "a,b\n1,2\n")
        assert (tmp_path / "table.csv").read_bytes() == b"a,b\n1,2\n"

    def test_a_reader_in_the_middle_of_a_write_sees_the_old_file(self, tmp_path):
        file = tmp_path / "note.txt"
        write_text(file, "old")
        seen = []

        def write(temporary: Path) -> None:
            temporary.write_text("ne")
            seen.append(file.read_text())
            temporary.write_text("new")

        write_atomically(file, write)
        assert (seen, file.read_text()) == (["old"], "new")

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
    def test_a_writer_that_raises_leaves_the_old_file_and_no_other(self, tmp_path, error):
        file = tmp_path / "note.txt"
        write_text(file, "old")

        def write(temporary: Path) -> None:
            temporary.write_text("half")
            raise error

        with pytest.raises(error):
            write_atomically(file, write)
        assert file.read_text() == "old"
        assert everything(tmp_path) == {"note.txt"}


class TestOneFolder:
    def test_a_folder_appears_with_all_its_files(self, tmp_path):
        target = tmp_path / "deep" / "weights"

        def fill(folder: Path) -> None:
            assert not target.exists()
            (folder / "unet").mkdir()
            (folder / "unet" / "a").write_text("1")
            (folder / "b").write_text("2")

        write_folder_atomically(target, fill)
        assert everything(target) == {"unet", "unet/a", "b"}
        assert [p.name for p in target.parent.iterdir()] == ["weights"]

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
    def test_a_writer_that_raises_leaves_nothing(self, tmp_path, error):
        def fill(folder: Path) -> None:
            (folder / "half").write_text("1")
            raise error

        with pytest.raises(error):
            write_folder_atomically(tmp_path / "weights", fill)
        assert everything(tmp_path) == set()


@pytest.fixture
def calls(monkeypatch) -> list[tuple[str, int]]:
    """What is forced onto the disk and what is renamed, in order, by inode."""
    done: list[tuple[str, int]] = []
    sync, rename = os.fsync, os.replace

    def synced(descriptor):
        done.append(("sync", os.fstat(descriptor).st_ino))
        sync(descriptor)

    def renamed(source, target):
        done.append(("rename", os.stat(source).st_ino))
        rename(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    return done


def test_a_file_is_on_the_disk_before_it_takes_its_name(tmp_path, calls):
    write_text(tmp_path / "a.txt", "hello")
    file, folder = (tmp_path / "a.txt").stat().st_ino, tmp_path.stat().st_ino
    assert calls == [("sync", file), ("rename", file), ("sync", folder)]


def test_a_batch_is_on_the_disk_before_its_commit_and_its_names_are_at_the_end(tmp_path, calls):
    batch = pictures(tmp_path)
    commit_images(batch)
    files, folder = [file.stat().st_ino for file in batch], tmp_path.stat().st_ino
    assert calls[: len(files)] == [("sync", file) for file in files]
    (kind, ready), *rest = calls[len(files) :]
    assert (kind, ready in files) == ("rename", False)
    assert rest == [("sync", folder), *(("rename", file) for file in files), ("sync", folder)]
