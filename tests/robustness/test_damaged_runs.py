"""Finished runs whose files were damaged, lost or exchanged: no table is made of them without a word."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from dreambench.store import RunFolder

IMAGES, PHOTOS = "scores/images.parquet", "scores/photos.parquet"


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
    "truth in place of numbers": (
        _sealed("images", lambda frame: frame.assign(dino=True)),
        "dino is not a column of numbers",
    ),
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
