"""Finished runs whose files were damaged, lost or exchanged: no table is made of them without a word."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from dreambench.store import RunFolder, open_run
from tests.analysis.material import make_run, two_subjects, two_subjects_tables

IMAGES, PHOTOS = "scores/images.parquet", "scores/photos.parquet"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run that ended as runs do, with the checksums of its tables in its log."""
    made = make_run(tmp_path / "run", two_subjects(), tables=two_subjects_tables(), pictures=True)
    (made.path / "logs").mkdir()
    made.loss_file("ant").write_text("step,photo,prior,total\n1,0.5,0.25,0.75\n2,0.4,0.2,0.6\n")
    made.save_record("complete")
    return open_run(made.path)


def _seal(run: RunFolder) -> None:
    """Take the tables as they are now into the log: what follows is found by its content alone."""
    run.save_record("complete")


def _change(table: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[RunFolder], None]:
    def damage(run: RunFolder) -> None:
        run.save_scores(table, change(run.scores(table)))

    return damage


def _sealed(table: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[RunFolder], None]:
    def damage(run: RunFolder) -> None:
        run.save_scores(table, change(run.scores(table)))
        _seal(run)

    return damage


def _with_index(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[RunFolder], None]:
    """Write the table of images as pandas does by default: with its index."""

    def damage(run: RunFolder) -> None:
        change(run.scores("images")).to_parquet(run.path / IMAGES)
        _seal(run)

    return damage


def _cut(name: str, share: float) -> Callable[[RunFolder], None]:
    def damage(run: RunFolder) -> None:
        file = run.path / name
        os.truncate(file, int(file.stat().st_size * share))

    return damage


def _flip(name: str, share: float) -> Callable[[RunFolder], None]:
    def damage(run: RunFolder) -> None:
        content = bytearray((run.path / name).read_bytes())
        content[int(len(content) * share)] ^= 0xFF
        (run.path / name).write_bytes(content)

    return damage


def _remove(name: str) -> Callable[[RunFolder], None]:
    return lambda run: (run.path / name).unlink()


def _write(name: str, content: bytes) -> Callable[[RunFolder], None]:
    return lambda run: (run.path / name).write_bytes(content) and None


def _special(name: str, kind: str) -> Callable[[RunFolder], None]:
    def damage(run: RunFolder) -> None:
        (run.path / name).unlink()
        if kind == "pipe":
            os.mkfifo(run.path / name)
        elif kind == "folder":
            (run.path / name).mkdir()
        else:
            (run.path / name).symlink_to("/dev/zero")

    return damage


def _with(column: str, value: object, row: int = 0) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        changed = frame.copy()
        changed[column] = changed[column].astype(object)
        changed.loc[row, column] = value
        return changed.convert_dtypes() if isinstance(value, str) else changed.infer_objects()

    return change


def _text(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(dino=frame["dino"].map(lambda value: f"{value}x"))


def _backwards(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(dino=frame["dino"][::-1].to_numpy())


def _twice(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame.iloc[:1]], ignore_index=True)


DAMAGE: dict[str, tuple[Callable[[RunFolder], None], str]] = {
    "the table of images is gone": (_remove(IMAGES), f"{IMAGES} is gone"),
    "the table of photos is gone": (_remove(PHOTOS), f"{PHOTOS} is gone"),
    "the table of pairs is gone": (_remove("scores/diversity.parquet"), "diversity.parquet is gone"),
    "the table of images is empty": (_write(IMAGES, b""), "SHA-256 differs"),
    "the table of images is text": (_write(IMAGES, b"hello"), "SHA-256 differs"),
    "the table of images is cut": (_cut(IMAGES, 0.5), "SHA-256 differs"),
    "the table of images lacks a byte": (_cut(IMAGES, 0.999), "SHA-256 differs"),
    "a byte of the images is flipped": (_flip(IMAGES, 0.3), "SHA-256 differs"),
    "a byte of the photos is flipped": (_flip(PHOTOS, 0.1), "SHA-256 differs"),
    "a score is another one": (_change("images", _with("dino", 0.99)), "SHA-256 differs"),
    "a row is gone": (_change("images", lambda f: f.iloc[1:]), "SHA-256 differs"),
    "two scores are exchanged": (_change("images", _backwards), "SHA-256 differs"),
    "the table of images is a pipe": (_special(IMAGES, "pipe"), "is a pipe or a device"),
    "the table of images is a folder": (_special(IMAGES, "folder"), "images.parquet"),
    "the table of images is a device": (_special(IMAGES, "device"), "is a pipe or a device"),
    "text in place of numbers": (_sealed("images", _text), "dino is not a column of numbers"),
    "a DINO of 7.5": (_sealed("images", _with("dino", 7.5)), "a DINO of 7.5 is not between -1 and 1"),
    "a DINO of -7.5": (_sealed("images", _with("dino", -7.5)), "a DINO of -7.5"),
    "a CLIP-T of 30": (_sealed("images", _with("clip_t", 30.0)), "a CLIP-T of 30"),
    "an infinite CLIP-I": (_sealed("images", _with("clip_i", float("inf"))), "a CLIP-I of inf"),
    "a negative distance": (_sealed("diversity", _with("lpips", -0.1)), "a DIV of -0.1"),
    "a photo's DINO of 2": (_sealed("photos", _with("dino", 2.0)), "a DINO of 2"),
    "a row twice": (_sealed("images", _twice), "the row of ant/0/0 appears twice"),
    "a pair twice": (_sealed("diversity", _twice), "appears twice"),
    "a pair of photos twice": (_sealed("photos", _twice), "appears twice"),
    "a row twice, of one index": (
        _with_index(lambda f: pd.concat([f, f.iloc[:1]])), "the row of ant/0/0 appears twice"
    ),
    "text as an index": (
        _sealed("images", lambda f: f.assign(prompt_index="zero")), "prompt_index is not a column of"
    ),
    "indices as floats": (
        _sealed("images", lambda f: f.astype({"image_index": float})), "image_index is not a column of whole"
    ),
    "a gap among the indices": (
        _sealed("images", _with("prompt_index", float("nan"), 2)), "prompt_index has a gap in row 2"
    ),
    "seeds of text": (_sealed("images", lambda f: f.assign(seed="x")), "seed is not a column of whole"),
    "sizes of numbers": (_sealed("images", lambda f: f.assign(size=512)), "size is not a column of text"),
    "pairs of numbers": (_sealed("diversity", lambda f: f.assign(pair=range(len(f)))), "pair is not"),
    "no column dino": (_sealed("images", lambda f: f.drop(columns="dino")), "has no column 'dino'"),
    "no column subject": (_sealed("images", lambda f: f.drop(columns="subject")), "no column 'subject'"),
    "no column of distances": (_sealed("diversity", lambda f: f.drop(columns="lpips")), "no column 'lpips'"),
    "another run's subject": (_sealed("images", _with("subject", "cow")), "no subject 'cow'"),
    "a loss log of other columns": (_write("logs/ant-loss.csv", b"a,b\n1,2\n"), "ant-loss.csv is damaged"),
    "a loss log of text": (_write("logs/ant-loss.csv", b"step,photo,prior,total\n1,x,y,z\n"), "is damaged"),
    "an empty loss log": (_write("logs/ant-loss.csv", b""), "ant-loss.csv is damaged"),
    "a loss log of noise": (_write("logs/ant-loss.csv", bytes(range(256))), "ant-loss.csv is damaged"),
    "an empty log": (_write("run.json", b""), "repeat the command that made the run"),
    "a cut log": (_cut("run.json", 0.5), "repeat the command that made the run"),
    "a log of another form": (_write("run.json", b"[]"), "cannot be read as a run's log"),
    "a log in another encoding": (_write("run.json", b"\xff\xfe{"), "cannot be read as a run's log"),
    "a log that is a pipe": (_special("run.json", "pipe"), "is a pipe or a device"),
    "a log that is a folder": (_special("run.json", "folder"), "cannot be read as a run's log"),
    "no log": (_remove("run.json"), "contains no run"),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_run_is_not_reported(refused, run: RunFolder, case: str) -> None:
    damage, told = DAMAGE[case]
    damage(run)
    line = refused("report", str(run.path))
    assert told in line
    assert ";" in line, "no remedy"
    assert not run.report_folder.exists()


@pytest.mark.parametrize("command", ["claims", "check"])
@pytest.mark.parametrize("case", ["the table of images is gone", "a score is another one", "an empty log"])
def test_nor_is_it_judged(refused, run: RunFolder, case: str, command: str, tmp_path: Path) -> None:
    DAMAGE[case][0](run)
    shutil.copy(Path(__file__).parents[2] / "data/baselines/mini.json", tmp_path / "baseline.json")
    words = ["--baseline", str(tmp_path / "baseline.json")] if command == "check" else []
    refused(command, str(run.path), *words)


def _lose(run: RunFolder, what: str) -> None:
    files = {
        "an image": run.path / "images/ant/00-0.png",
        "a photo": Path(run.record.photos["ant"][0]),
    }
    files[what].unlink()


@pytest.mark.parametrize("what", ["an image", "a photo"])
def test_what_cannot_be_shown_is_said(dreambench, run: RunFolder, what: str) -> None:
    _lose(run, what)
    done = dreambench("report", str(run.path), "--json")
    assert done.code == 0
    assert "1 files cannot be shown" in done.err
    assert "1 file could not be shown" in (run.report_folder / "index.html").read_text()


def test_a_cut_image_is_said(dreambench, run: RunFolder) -> None:
    assert dreambench("report", str(run.path), "--json").code == 0
    os.truncate(run.path / "images/ant/00-0.png", 60)  # its thumbnail is older than this
    done = dreambench("report", str(run.path), "--json")
    assert (done.code, "1 files cannot be shown" in done.err) == (0, True)


PLACES = [
    "moved",
    "my results/with spaces",
    "r\u00e9sultats \u7d50\u679c",
    'it\'s "quoted" & <odd>',
    "%41#?x=1",
]


@pytest.mark.parametrize("place", PLACES)
def test_a_run_that_was_moved_still_reports(dreambench, run: RunFolder, tmp_path: Path, place: str) -> None:
    before = dreambench("report", str(run.path), "--json").out
    moved = tmp_path / place / "run"
    moved.parent.mkdir(parents=True)
    shutil.move(run.path, moved)
    after = dreambench("report", str(moved), "--json")
    assert (after.code, json.loads(after.out)) == (0, json.loads(before))
    assert "cannot be shown" not in after.err
    assert (moved / "report" / "index.html").is_file()


def test_a_run_through_a_link_reports(dreambench, run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(run.path, target_is_directory=True)
    assert dreambench("report", str(tmp_path / "link"), "--json").code == 0


class TestPhotosThatHaveMoved:
    @pytest.fixture
    def mug(self, own, tmp_path: Path) -> RunFolder:
        """A run of a user's own subject, whose dataset then moves."""
        from dreambench.dataset import load_dataset
        from dreambench.spec.run_spec import DataSpec
        from tests.analysis.material import image_row, make_spec

        folder = own("subject,class_noun\nmug,mug\n", "mug")
        dataset = load_dataset(folder)
        data = DataSpec(folder=str(folder), label=dataset.label, fingerprint=dataset.fingerprint)
        photos = {"mug": [str(photo.path) for photo in dataset["mug"].photos]}
        rows = [image_row("mug", p, i, (0.5, 0.5, 0.5)) for p in (0, 1) for i in (0, 1)]
        run = make_run(
            tmp_path / "run", rows, spec=make_spec(data=data), subjects=["mug"], pictures=True, photos=photos
        )
        shutil.move(folder, tmp_path / "elsewhere")
        return run

    def test_they_are_asked_for(self, dreambench, mug: RunFolder) -> None:
        done = dreambench("report", str(mug.path), "--json")
        assert done.code == 0
        assert "2 photos are not at their place" in done.err
        assert "--data" in done.err

    def test_and_found_in_the_folder_that_is_named(self, dreambench, mug, tmp_path: Path) -> None:
        done = dreambench("report", str(mug.path), "--json", "--data", str(tmp_path / "elsewhere"))
        assert done.code == 0
        assert "cannot be shown" not in done.err
        assert "not at their place" not in done.err

    def test_other_photos_are_refused(self, refused, mug, tmp_path: Path) -> None:
        other = tmp_path / "elsewhere" / "mug" / "0.png"
        other.write_bytes((tmp_path / "elsewhere" / "mug" / "1.png").read_bytes())
        line = refused("report", str(mug.path), "--data", str(tmp_path / "elsewhere"))
        assert "is not the dataset of" in line
