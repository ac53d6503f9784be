"""The images of a batch appear together, even after a kill at any instant."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time

import pytest
from PIL import Image

from dreambench.store import locked_run
from dreambench.store.files import commit_images, roll_forward
from tests.store.material import everything, picture, pictures, record, same

COMMIT_FOREVER = """
import sys
from pathlib import Path
from PIL import Image
from dreambench.store.files import commit_images
folder = Path(sys.argv[1])
print("in", flush=True)
for prompt in range(10_000):
    images = [Image.new("RGB", (48, 48), (prompt % 256, i, 7)) for i in range(4)]
    commit_images({folder / f"{prompt:05d}-{i}.png": image for i, image in enumerate(images)})
"""


class TestBatches:
    def test_all_images_of_a_batch_arrive_as_png_without_loss(self, tmp_path):
        batch = pictures(tmp_path / "dog")
        commit_images(batch)
        assert all(same(file, image) for file, image in batch.items())
        assert all(Image.open(file).format == "PNG" for file in batch)
        assert len(everything(tmp_path / "dog")) == len(batch)

    def test_a_batch_with_one_image_that_cannot_be_written_leaves_none(self, tmp_path):
        batch = pictures(tmp_path)
        batch[tmp_path / "99-0.png"] = Image.new("HSV", (4, 4))  # PNG has no such mode
        with pytest.raises(OSError, match="HSV"):
            commit_images(batch)
        assert everything(tmp_path) == set()

    def test_an_existing_image_is_left_alone(self, tmp_path):
        commit_images({tmp_path / "00-0.png": picture(77)})
        before = os.stat(tmp_path / "00-0.png")
        commit_images(pictures(tmp_path))
        after = os.stat(tmp_path / "00-0.png")
        assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
        assert same(tmp_path / "00-0.png", picture(77))
        assert same(tmp_path / "01-0.png", picture(1))

    def test_a_complete_batch_writes_nothing(self, tmp_path):
        commit_images(pictures(tmp_path))
        before = tmp_path.stat().st_mtime_ns
        commit_images(pictures(tmp_path))
        assert tmp_path.stat().st_mtime_ns == before

    @pytest.mark.parametrize("moved", range(5))
    def test_a_commit_cut_short_is_finished_wherever_it_was_cut(self, tmp_path, moved):
        batch = pictures(tmp_path)
        commit_images(batch)
        ready = tmp_path / ".ready-00-0"
        ready.mkdir()
        for file in list(batch)[moved:]:
            file.rename(ready / file.name)
        roll_forward(tmp_path)
        assert everything(tmp_path) == {file.name for file in batch}
        assert all(same(file, image) for file, image in batch.items())

    def test_several_commits_cut_short_are_all_finished(self, tmp_path):
        for first in (0, 4):
            ready = tmp_path / f".ready-{first:02d}-0"
            ready.mkdir()
            for file, image in pictures(ready, first=first).items():
                image.save(file)
        roll_forward(tmp_path)
        assert everything(tmp_path) == {file.name for file in pictures(tmp_path, 8)}

    def test_rolling_forward_a_missing_folder_does_nothing(self, tmp_path):
        roll_forward(tmp_path / "dog")
        assert everything(tmp_path) == set()

    def test_killed_at_any_instant_a_batch_is_all_there_or_not_at_all(self, tmp_path):
        rng = random.Random(0)
        for attempt in range(4):
            out = tmp_path / f"run-{attempt}"
            folder = out / "images" / "dog"
            with locked_run(out, record()):
                pass
            child = subprocess.Popen(
                [sys.executable, "-c", COMMIT_FOREVER, str(folder)], stdout=subprocess.PIPE, text=True
            )
            assert child.stdout is not None
            assert child.stdout.readline() == "in\n"
            while not (folder / "00000-0.png").exists():
                assert child.poll() is None
                time.sleep(0.001)
            time.sleep(0.2 * rng.random())
            child.kill()
            child.communicate()
            with locked_run(out, record()):
                pass
            names = sorted(path.name for path in folder.iterdir())
            assert names == [f"{p:05d}-{i}.png" for p in range(len(names) // 4) for i in range(4)]
            for name in names[-8:]:
                prompt, index = int(name[:5]), int(name[6])
                assert same(folder / name, Image.new("RGB", (48, 48), (prompt % 256, index, 7)))
