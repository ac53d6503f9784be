"""Full and read-only disks: a one-line error, and nothing half-written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from dreambench.errors import DreambenchError
from dreambench.store import locked_run, open_run
from dreambench.store.files import commit_images, write_folder_atomically, write_text
from tests.store.material import everything, pictures, record, same


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 1 MB, where this process may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk to fill")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


class TestFullDisk:
    def test_a_batch_that_does_not_fit_is_reported_and_leaves_nothing_half_written(self, small_disk):
        out = small_disk / "run"
        folder = out / "images" / "dog"
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(500_000))
        with locked_run(out, record()):
            commit_images(pictures(folder, 2, size=64))
            before = everything(out)
            batch = pictures(folder, 8, size=160, first=2)  # 8 times 77 kB
            with pytest.raises(
                DreambenchError, match=r"no space left while writing .*: finished work is kept"
            ):
                commit_images(batch)
            assert everything(out) == before
            assert all(same(file, image) for file, image in pictures(folder, 2, size=64).items())
            ballast.unlink()
            commit_images(batch)
        assert all(same(file, image) for file, image in batch.items())
        with locked_run(out, record()):
            assert len(everything(folder)) == 10

    def test_the_old_file_stays_when_the_new_one_does_not_fit(self, small_disk):
        file = small_disk / "scores" / "table.csv"
        write_text(file, "old")
        with pytest.raises(DreambenchError, match=f"no space left while writing {file}"):
            write_text(file, "n" * 2_000_000)
        assert file.read_text() == "old"
        assert everything(small_disk / "scores") == {"table.csv"}

    def test_weights_that_do_not_fit_leave_no_folder(self, small_disk):
        def fill(folder: Path) -> None:
            (folder / "part-1").write_bytes(bytes(600_000))
            (folder / "part-2").write_bytes(bytes(600_000))

        def fill_by_safetensors(folder: Path) -> None:  # its errors are not the system's
            save_file({"weights": np.zeros(500_000, dtype=np.float32)}, folder / "model.safetensors")

        for write in (fill, fill_by_safetensors):
            with pytest.raises(DreambenchError, match="no space left"):
                write_folder_atomically(small_disk / "work" / "dog", write)
            assert everything(small_disk / "work") == set()

    def test_a_run_that_cannot_even_start_can_start_when_there_is_space(self, small_disk):
        ballast = small_disk / "ballast"
        with pytest.raises(OSError, match="No space left"):
            ballast.write_bytes(bytes(2_000_000))
        with pytest.raises(DreambenchError, match="no space left"):
            locked_run(small_disk / "run", record()).__enter__()
        ballast.unlink()
        with locked_run(small_disk / "run", record()):
            assert open_run(small_disk / "run").record.status == "started"


@pytest.fixture
def read_only(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder with an empty run folder that cannot be written: for root, on a read-only file system."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        folder = request.getfixturevalue("small_disk")
        (folder / "run").mkdir()
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        yield folder
    elif os.name == "nt":
        pytest.skip("Windows has no read-only folders")
    else:
        folder = tmp_path / "locked"
        (folder / "run").mkdir(parents=True)
        for path in (folder / "run", folder):
            path.chmod(0o555)
        yield folder
        for path in (folder, folder / "run"):
            path.chmod(0o755)


class TestReadOnly:
    def test_writing_a_file_is_reported_with_its_name(self, read_only):
        with pytest.raises(
            DreambenchError, match=rf"{read_only / 'note'} cannot be written: .*; give another --out"
        ):
            write_text(read_only / "note", "text")

    def test_committing_images_is_reported(self, read_only):
        with pytest.raises(DreambenchError, match="cannot be written"):
            commit_images(pictures(read_only / "run"))

    @pytest.mark.parametrize("place", ["run", "new", "new/deep"])
    def test_starting_a_run_is_reported(self, read_only, place):
        with pytest.raises(DreambenchError, match="cannot be written"):
            locked_run(read_only / place, record()).__enter__()
