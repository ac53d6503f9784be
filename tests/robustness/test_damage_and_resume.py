"""A run whose files or caches were damaged in between: the same command makes them again, and says so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

import dreambench as library
from dreambench.errors import DreambenchError
from dreambench.store import open_run
from tests.material import tiny as models

pytestmark = pytest.mark.slow

Damage = Callable[[Path], object]


@dataclass(frozen=True)
class Whole:
    """An uninterrupted run and its cache."""

    run: Path
    cache: Path


def _words(tiny: dict[str, str], out: Path) -> list[str]:
    small = ("method.steps=2", "method.class_images=2", "method.class_sampler.steps=1", "sampler.steps=1")
    sets = [word for setting in small for word in ("--set", setting)]
    asked = ["--subjects", "dog", "--prompts", "0-1", "--images-per-prompt", "2", "--metrics", "dino,div"]
    head = ["run", "--preset", "paper-sd15", "--data", tiny["data"], *asked]
    return [*head, *models.options(tiny), *sets, "--json", "--out", str(out)]


@pytest.fixture(scope="module")
def whole(tiny: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Whole:
    from dreambench.cli import main

    top = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DREAMBENCH_CACHE", str(top / "cache"))
        with pytest.raises(SystemExit) as ended:
            main(_words(tiny, top / "run"))
    assert ended.value.code in (None, 0)
    return Whole(top / "run", top / "cache")


@pytest.fixture
def again(tiny, whole: Whole, tmp_path: Path, monkeypatch, dreambench) -> Callable[[Damage], str]:
    """Copy the run and its cache, damage the copy, repeat the command; return what it said."""

    def repeat(damage: Damage) -> str:
        shutil.copytree(whole.run, tmp_path / "run")
        shutil.copytree(whole.cache, tmp_path / "cache")
        monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path / "cache"))
        damage(tmp_path)
        done = dreambench(*_words(tiny, tmp_path / "run"))
        assert done.code == 0, done.err
        _assert_same(tmp_path / "run", whole.run)
        return str(done.err)

    return repeat


def _assert_same(ours: Path, theirs: Path) -> None:
    images = {file.relative_to(theirs) for file in theirs.glob("images/*/*.png")}
    assert images == {file.relative_to(ours) for file in ours.glob("images/*/*.png")}
    assert all((ours / name).read_bytes() == (theirs / name).read_bytes() for name in images)
    for table in ("images", "diversity", "photos"):
        pd.testing.assert_frame_equal(open_run(ours).scores(table), open_run(theirs).scores(table))
    assert open_run(ours).record.status == "complete"
    assert [path for path in ours.rglob(".*") if path.name != ".run.json"] == []


def _cut(name: str, share: float = 0.5) -> Damage:
    def damage(top: Path) -> None:
        (file,) = top.glob(name)
        os.truncate(file, int(file.stat().st_size * share))

    return damage


def _flip(name: str, share: float = 0.7) -> Damage:
    def damage(top: Path) -> None:
        (file,) = top.glob(name)
        content = bytearray(file.read_bytes())
        content[int(len(content) * share)] ^= 0xFF
        file.write_bytes(content)

    return damage


def _replaced(name: str, kind: str) -> Damage:
    def damage(top: Path) -> None:
        (file,) = top.glob(name)
        shutil.rmtree(file) if file.is_dir() else file.unlink()
        if kind == "folder":
            file.mkdir()
        elif kind == "nothing there":
            pass
        else:
            file.write_text(kind)

    return damage


def _exchange_rows(top: Path) -> None:
    file = next((top / "run/embeddings").glob("dino*/dog.safetensors"))
    rows = load_file(file)
    first, second = sorted(rows)[:2]
    save_file({**rows, first: rows[second], second: rows[first]}, file, metadata=_metadata(file))


def _metadata(file: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(file, framework="np") as opened:
        return dict(opened.metadata() or {})


def _exchange_files(top: Path) -> None:
    dino = next((top / "run/embeddings").glob("dino*/dog.safetensors"))
    lpips = next((top / "run/embeddings").glob("lpips*/dog.safetensors"))
    content = dino.read_bytes()
    dino.write_bytes(lpips.read_bytes())
    lpips.write_bytes(content)


IMAGE, NOTE, LOSSES = "run/images/dog/00-1.png", "run/subjects/dog.json", "run/logs/dog-loss.csv"
DINO, TABLE = "run/embeddings/dino*/dog.safetensors", "run/scores/images.parquet"
RUNS: dict[str, tuple[Damage, str]] = {
    "an empty log": (_cut("run/run.json", 0), "restored from its copy"),
    "a cut log": (_cut("run/run.json"), "restored from its copy"),
    "no log": (_replaced("run/run.json", "nothing there"), "restored from its copy"),
    "a log that is a folder": (_replaced("run/run.json", "folder"), "restored from its copy"),
    "a cut copy of the log": (_cut("run/.run.json"), ""),
    "an empty note": (_cut(NOTE, 0), "note was damaged; writing it again"),
    "a cut note": (_cut(NOTE), "note was damaged; writing it again"),
    "a note of another form": (_replaced(NOTE, "[]"), "note was damaged; writing it again"),
    "a note that is a folder": (_replaced(NOTE, "folder"), "note was damaged; writing it again"),
    "a cut image": (_cut(IMAGE), "1 images were damaged"),
    "an empty image": (_cut(IMAGE, 0), "1 images were damaged"),
    "an image with another byte": (_flip(IMAGE), "1 images were damaged"),
    "an image that is text": (_replaced(IMAGE, "hello"), "1 images were damaged"),
    "an image that is a folder": (_replaced(IMAGE, "folder"), "1 images were damaged"),
    "a cut loss log": (_cut(LOSSES), "its loss log was damaged"),
    "an empty loss log": (_cut(LOSSES, 0), "its loss log was damaged"),
    "cut embeddings": (_cut(DINO), "were damaged; they are computed again"),
    "empty embeddings": (_cut(DINO, 0), "were damaged; they are computed again"),
    "embeddings with another byte": (_flip(DINO), "were damaged; they are computed again"),
    "embeddings that are exchanged": (_exchange_rows, "were damaged; they are computed again"),
    "embeddings of another encoder": (_exchange_files, "were damaged; they are computed again"),
    "a cut table": (_cut(TABLE), ""),
    "a table with another byte": (_flip(TABLE), ""),
    "no table": (_replaced(TABLE, "nothing there"), ""),
}


@pytest.mark.parametrize("case", RUNS)
def test_a_run_is_repaired(again, case: str) -> None:
    damage, told = RUNS[case]
    assert told in again(damage)


LATENTS, CLASS_IMAGE = "cache/class-images/*/latents.safetensors", "cache/class-images/*/00001.png"
SET = "cache/class-images/*/set.json"


def _zeros(top: Path) -> None:
    file = next((top / "cache/class-images").glob("*/latents.safetensors"))
    save_file({name: 0 * values for name, values in load_file(file).items()}, file)


CACHES: dict[str, tuple[Damage, str]] = {
    "cut latents": (_cut(LATENTS), "was damaged and is made again"),
    "empty latents": (_cut(LATENTS, 0), "was damaged and is made again"),
    "latents with another byte": (_flip(LATENTS), "was damaged and is made again"),
    "latents of zeros": (_zeros, "was damaged and is made again"),
    "latents that are a folder": (_replaced(LATENTS, "folder"), "was damaged and is made again"),
    "a cut class image": (_cut(CLASS_IMAGE), "1 missing or changed"),
    "a class image with another byte": (_flip(CLASS_IMAGE), "1 missing or changed"),
    "a class image that is a folder": (_replaced(CLASS_IMAGE, "folder"), "1 missing or changed"),
    "a cut set": (_cut(SET), "2 missing or changed"),
    "a set of another form": (_replaced(SET, "[]"), "2 missing or changed"),
    "a set that is a folder": (_replaced(SET, "folder"), "2 missing or changed"),
}


@pytest.mark.parametrize("case", CACHES)
def test_a_cache_is_repaired(again, case: str) -> None:
    damage, told = CACHES[case]

    def of_a_new_run(top: Path) -> None:
        shutil.rmtree(top / "run")
        damage(top)

    assert told in again(of_a_new_run)


def _file_as_cache(cache: Path) -> None:
    cache.write_text("a file")


def _file_as_sets(cache: Path) -> None:
    cache.mkdir()
    (cache / "class-images").write_text("a file")


@pytest.mark.parametrize("make", [_file_as_cache, _file_as_sets])
def test_a_cache_that_is_a_file_is_one_line(dreambench, tiny, tmp_path, monkeypatch, make) -> None:
    make(tmp_path / "cache")
    done = dreambench(*_words(tiny, tmp_path / "run"))
    assert (done.code, done.out) == (2, "")
    assert "DREAMBENCH_CACHE" in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
    assert open_run(tmp_path / "run").record.status == "failed"


@pytest.mark.parametrize("place", ["/proc/nowhere", "/dev/null/run", "/sys/run", "{}"])
def test_a_place_that_cannot_be_written_is_one_line(dreambench, tiny, tmp_path, place: str) -> None:
    (tmp_path / "file").write_text("")
    done = dreambench(*_words(tiny, Path(place.format(tmp_path / "file" / "run"))))
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith("dreambench: ")
    assert "Error" not in done.err.splitlines()[-1]


def test_a_name_with_a_nul_byte_is_one_line() -> None:
    with pytest.raises(DreambenchError, match="contains a NUL byte"):
        library.run("mini", subjects=["dog"], out="a\0b")


def test_a_lock_that_is_a_folder_is_one_line(dreambench, tiny, tmp_path) -> None:
    (tmp_path / "run" / ".lock").mkdir(parents=True)
    assert "where the lock belongs" in dreambench(*_words(tiny, tmp_path / "run")).err.splitlines()[-1]
