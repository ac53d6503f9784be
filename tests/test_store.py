"""The store under fire: full disks, kills, second processes, foreign folders. Files are whole or absent."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dreambench.errors import DreambenchError
from dreambench.presets import build_spec
from dreambench.store import RunRecord, locked_run, open_run
from dreambench.store.batches import commit_images, roll_forward
from dreambench.store.files import write_atomically, write_folder_atomically, write_text

ENTER = """
import sys
from pathlib import Path
from dreambench.errors import DreambenchError
from dreambench.store import RunRecord, locked_run
record = RunRecord.model_validate_json(Path(sys.argv[2]).read_text())
try:
    with locked_run(Path(sys.argv[1]), record):
        print("in", flush=True)
        sys.stdin.read()
except DreambenchError as error:
    print(error)
"""
COMMIT_FOREVER = """
import sys
from pathlib import Path
from PIL import Image
from dreambench.store.batches import commit_images
folder = Path(sys.argv[1])
print("in", flush=True)
for prompt in range(10_000):
    images = [Image.new("RGB", (48, 48), (prompt % 256, i, 7)) for i in range(4)]
    commit_images({folder / f"{prompt:05d}-{i}.png": image for i, image in enumerate(images)})
"""


def record(*overrides: str, kind: str = "run", source: str | None = None) -> RunRecord:
    spec = build_spec("paper-sd15", {}, overrides)
    return RunRecord(
        kind=kind, name="a run", key=spec.key, spec=spec, subjects={"dog": "dog"}, photos={}, source=source
    )


def picture(seed: int, size: int = 16) -> Image.Image:
    """Return an image of noise: PNG cannot make it smaller."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8))


def pictures(folder: Path, count: int = 4, size: int = 16, first: int = 0) -> dict[Path, Image.Image]:
    return {folder / f"{i:02d}-0.png": picture(i, size) for i in range(first, first + count)}


def everything(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*")}


def same(file: Path, image: Image.Image) -> bool:
    return np.array_equal(np.asarray(Image.open(file)), np.asarray(image))


class TestOneFile:
    def test_a_file_appears_whole_with_its_folder(self, tmp_path):
        write_text(tmp_path / "new" / "note.txt", "grüß\n")
        assert (tmp_path / "new" / "note.txt").read_text(encoding="utf-8") == "grüß\n"
        assert everything(tmp_path) == {"new", "new/note.txt"}

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

    def test_an_image_that_is_there_is_left_alone(self, tmp_path):
        commit_images({tmp_path / "00-0.png": picture(77)})
        before = os.stat(tmp_path / "00-0.png")
        commit_images(pictures(tmp_path))
        after = os.stat(tmp_path / "00-0.png")
        assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
        assert same(tmp_path / "00-0.png", picture(77))
        assert same(tmp_path / "01-0.png", picture(1))

    def test_a_batch_that_is_all_there_writes_nothing(self, tmp_path):
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

    def test_rolling_forward_a_folder_that_is_not_there_does_nothing(self, tmp_path):
        roll_forward(tmp_path / "dog")
        assert everything(tmp_path) == set()

    def test_killed_at_any_instant_a_batch_is_all_there_or_not_at_all(self, tmp_path):
        dice = random.Random(0)
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
            time.sleep(0.2 * dice.random())
            child.kill()
            child.communicate()
            with locked_run(out, record()):
                pass
            names = sorted(path.name for path in folder.iterdir())
            assert names == [f"{p:05d}-{i}.png" for p in range(len(names) // 4) for i in range(4)]
            for name in names[-8:]:
                prompt, index = int(name[:5]), int(name[6])
                assert same(folder / name, Image.new("RGB", (48, 48), (prompt % 256, index, 7)))


class TestRunFolder:
    def test_run_json_is_there_first_and_says_how_far_the_run_is(self, tmp_path):
        with locked_run(tmp_path / "run", record()) as run:
            present = open_run(tmp_path / "run").record
            assert (present.status, present.spec) == ("started", record().spec)
            assert present.created
            run.save_record("failed", error="it rained")
        assert open_run(tmp_path / "run").record.error == "it rained"

    def test_the_same_command_goes_on_where_it_was(self, tmp_path):
        with locked_run(tmp_path, record()) as run:
            run.commit_images(pictures(tmp_path / "images" / "dog"))
            run.save_record("failed", error="it rained", created="2001-01-01T00:00:00+00:00")
        with locked_run(tmp_path, record()) as run:
            assert run.record.created == "2001-01-01T00:00:00+00:00"
            assert (open_run(tmp_path).record.status, open_run(tmp_path).record.error) == ("started", None)
        assert len(list((tmp_path / "images" / "dog").iterdir())) == 4

    def test_a_run_that_was_killed_in_a_commit_is_mended_when_it_goes_on(self, tmp_path):
        folder = tmp_path / "images" / "dog"
        with locked_run(tmp_path, record()) as run:
            run.commit_images(pictures(folder))
        (folder / ".ready-04-0").mkdir()
        picture(4).save(folder / ".ready-04-0" / "04-0.png")
        (folder / "..ready-08-0.0123abcd.tmp").mkdir()
        picture(8).save(folder / "..ready-08-0.0123abcd.tmp" / "08-0.png")
        with locked_run(tmp_path, record()):
            assert everything(folder) == {file.name for file in pictures(folder, 5)}

    def test_what_killed_writers_left_is_removed_and_nothing_else(self, tmp_path):
        with locked_run(tmp_path, record()):
            pass
        before = everything(tmp_path)
        leftover = tmp_path / "work" / ".dog.0123abcd.tmp"
        (leftover / "unet" / ".config.json.4567cdef.tmp").mkdir(parents=True)
        (leftover / "unet" / "model.safetensors").write_text("half")
        (tmp_path / ".run.json.89abcdef.tmp").write_text('{"half":')
        (tmp_path / "scores").mkdir()
        (tmp_path / "scores" / ".images.parquet.0123abcd.tmp").write_text("half")
        (tmp_path / "scores" / "images.parquet").write_text("whole")
        with locked_run(tmp_path, record()):
            pass
        assert everything(tmp_path) == before | {"work", "scores", "scores/images.parquet"}

    @pytest.mark.parametrize("left", [[], [".lock"], [".lock", ".run.json.0123abcd.tmp"]])
    def test_a_run_killed_before_its_first_file_was_whole_goes_on(self, tmp_path, left):
        for name in left:
            (tmp_path / name).write_text("")
        with locked_run(tmp_path, record()):
            assert open_run(tmp_path).record.status == "started"

    def test_a_folder_of_other_things_is_refused_and_left_alone(self, tmp_path):
        (tmp_path / "thesis.tex").write_text("dear")
        with pytest.raises(DreambenchError, match="is not empty and holds no run; give another --out"):
            locked_run(tmp_path, record()).__enter__()
        assert everything(tmp_path) - {".lock"} == {"thesis.tex"}

    @pytest.mark.parametrize("place", ["file", "file/below"])
    def test_an_out_that_is_a_file_or_below_one_is_told(self, tmp_path, place):
        (tmp_path / "file").write_text("mine")
        with pytest.raises(DreambenchError, match=f"{tmp_path / 'file'}"):
            locked_run(tmp_path / place, record()).__enter__()
        assert (tmp_path / "file").read_text() == "mine"

    @pytest.mark.parametrize(
        "content", ["", "{", "[]", '{"schema_version": 1}', '{"schema_version": 2}', "\x00\x00"]
    )
    def test_a_damaged_run_json_is_refused_and_kept(self, tmp_path, content):
        (tmp_path / "run.json").write_text(content)
        with pytest.raises(
            DreambenchError, match=r"run\.json cannot be read as a run's log; .*another --out"
        ):
            locked_run(tmp_path, record()).__enter__()
        assert (tmp_path / "run.json").read_text() == content

    def test_a_field_that_run_json_should_not_have_is_refused(self, tmp_path):
        with locked_run(tmp_path, record()):
            pass
        content = json.loads((tmp_path / "run.json").read_text())
        (tmp_path / "run.json").write_text(json.dumps({**content, "mood": "good"}))
        with pytest.raises(DreambenchError, match="cannot be read as a run's log"):
            open_run(tmp_path)

    @pytest.mark.parametrize("place", ["nowhere", "file"])
    def test_reading_a_folder_without_a_run_is_told(self, tmp_path, place):
        (tmp_path / "file").write_text("mine")
        with pytest.raises(DreambenchError, match=r"holds no run \(no run\.json\)"):
            open_run(tmp_path / place)

    def test_a_run_of_another_spec_is_refused_naming_the_fields(self, tmp_path):
        with locked_run(tmp_path, record()):
            pass
        before = (tmp_path / "run.json").read_bytes()
        with pytest.raises(DreambenchError) as caught:
            locked_run(tmp_path, record("sampler.steps=20", "seed=3")).__enter__()
        assert "another spec (asked for sampler.steps: 20, not 50, seed: 3, not 0); give another" in str(
            caught.value
        )
        assert (tmp_path / "run.json").read_bytes() == before

    def test_many_differing_fields_stay_one_short_line(self, tmp_path):
        with locked_run(tmp_path, record()):
            pass
        overrides = [
            f"{name}=2" for name in ("seed", "method.steps", "sampler.steps", "images_per_prompt", "prompts")
        ]
        with pytest.raises(DreambenchError, match="and 2 more") as caught:
            locked_run(tmp_path, record(*overrides[:4], "prompts=0-2")).__enter__()
        assert "\n" not in str(caught.value)

    def test_the_same_images_by_another_protocol_or_on_another_device_are_the_same_run(self, tmp_path):
        with locked_run(tmp_path, record()):
            pass
        with locked_run(tmp_path, record("protocol.dino.resize=248", "runtime.device=cpu")):
            assert open_run(tmp_path).record.spec.protocol.dino.resize == 248

    def test_a_folder_of_scores_is_not_gone_on_with_by_a_run_or_for_other_images(self, tmp_path):
        with locked_run(tmp_path, record(kind="score", source="/images/a")):
            pass
        with pytest.raises(DreambenchError, match="kind: run, not score"):
            locked_run(tmp_path, record()).__enter__()
        with pytest.raises(DreambenchError, match="images: /images/b, not /images/a"):
            locked_run(tmp_path, record(kind="score", source="/images/b")).__enter__()

    def test_a_failure_inside_gives_the_lock_back(self, tmp_path):
        with pytest.raises(ValueError, match="rain"), locked_run(tmp_path, record()):
            raise ValueError("rain")
        with locked_run(tmp_path, record()):
            pass


class TestTwoProcesses:
    def enter(self, out: Path, folder: Path) -> subprocess.Popen[str]:
        wanted = folder / "record.json"
        wanted.write_text(record().model_dump_json())
        command = [sys.executable, "-c", ENTER, str(out), str(wanted)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def test_a_second_process_is_refused_with_one_line_while_the_first_works(self, tmp_path):
        with locked_run(tmp_path / "run", record()):
            said, _ = self.enter(tmp_path / "run", tmp_path).communicate("")
        assert said.splitlines() == [
            f"another run is working in {tmp_path / 'run'}; wait for it, or give another --out"
        ]
        said, _ = self.enter(tmp_path / "run", tmp_path).communicate("")
        assert said == "in\n"

    def test_a_process_that_is_killed_leaves_no_lock_behind(self, tmp_path):
        child = self.enter(tmp_path / "run", tmp_path)
        assert child.stdout is not None
        assert child.stdout.readline() == "in\n"
        with pytest.raises(DreambenchError, match="another run is working in"):
            locked_run(tmp_path / "run", record()).__enter__()
        child.kill()
        child.communicate()
        with locked_run(tmp_path / "run", record()):
            pass


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
    def test_a_batch_that_does_not_fit_is_told_and_leaves_nothing_half_written(self, small_disk):
        out = small_disk / "run"
        folder = out / "images" / "dog"
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(500_000))
        with locked_run(out, record()) as run:
            run.commit_images(pictures(folder, 2, size=64))
            before = everything(out)
            batch = pictures(folder, 8, size=160, first=2)  # 8 times 77 kB
            with pytest.raises(
                DreambenchError, match=r"no space left while writing .*: what is finished is kept"
            ):
                run.commit_images(batch)
            assert everything(out) == before
            assert all(same(file, image) for file, image in pictures(folder, 2, size=64).items())
            ballast.unlink()
            run.commit_images(batch)
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

        with pytest.raises(DreambenchError, match="no space left"):
            write_folder_atomically(small_disk / "work" / "dog", fill)
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
    def test_writing_a_file_is_told_with_its_name(self, read_only):
        with pytest.raises(
            DreambenchError, match=rf"{read_only / 'note'} cannot be written: .*; give another --out"
        ):
            write_text(read_only / "note", "text")

    def test_committing_images_is_told(self, read_only):
        with pytest.raises(DreambenchError, match="cannot be written"):
            commit_images(pictures(read_only / "run"))

    @pytest.mark.parametrize("place", ["run", "new", "new/deep"])
    def test_starting_a_run_is_told(self, read_only, place):
        with pytest.raises(DreambenchError, match="cannot be written"):
            locked_run(read_only / place, record()).__enter__()
