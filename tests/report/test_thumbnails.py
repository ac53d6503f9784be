"""Thumbnails: small, made once, made again where the source is newer, never in each other's place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from dreambench.analysis import read_run_scores
from dreambench.errors import DreambenchError
from dreambench.report.thumbnails import SIDE, make_thumbnails
from dreambench.store import RunFolder
from tests.analysis.material import image_row, make_run


def _files(out: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in out.rglob("*.webp")}


def test_webp_of_the_sources_shape(run: RunFolder, tmp_path: Path) -> None:
    made = make_thumbnails(read_run_scores([run]), tmp_path / "out", quiet=True)
    assert len(made) == 7 + 4
    for thumbnail in made.values():
        assert thumbnail.href is not None
        with Image.open(tmp_path / "out" / thumbnail.href) as image:
            assert (image.format, image.size) == ("WEBP", (SIDE, 102))  # of 200 x 160


def test_made_once_and_again_only_for_a_newer_source(run: RunFolder, tmp_path: Path) -> None:
    scored, out = read_run_scores([run]), tmp_path / "out"
    make_thumbnails(scored, out, quiet=True)
    before = _files(out)
    assert len(before) == 11
    make_thumbnails(scored, out, quiet=True)
    assert _files(out) == before
    source = run.path / "images" / "ant" / "00-0.png"
    Image.new("RGB", (200, 160), "white").save(source)
    os.utime(source, ns=(2**61, 2**61))
    make_thumbnails(scored, out, quiet=True)
    assert [path.name for path, made in _files(out).items() if made != before[path]] == ["00-0.webp"]


def test_subjects_whose_names_look_alike_keep_their_own(tmp_path: Path) -> None:
    names = ["a b", "a-b", "a?b", "a#b%20", "ä b"]
    rows = [
        image_row(name, 0, 0, (0.1, 0.2, 0.3), file=f"images/{number}.png")
        for number, name in enumerate(names)
    ]
    run = make_run(tmp_path / "run", rows, subjects=names, pictures=True)
    made = make_thumbnails(read_run_scores([run]), tmp_path / "out", quiet=True)
    assert len({thumbnail.href for thumbnail in made.values()}) == len(names) * 3
    assert len(_files(tmp_path / "out")) == len(names) * 3


def test_an_unreadable_source_is_a_problem_and_no_crash(run: RunFolder, tmp_path: Path) -> None:
    broken, gone = run.path / "images/ant/00-0.png", run.path / "images/ant/00-1.png"
    broken.write_bytes(broken.read_bytes()[:80])
    gone.unlink()
    made = make_thumbnails(read_run_scores([run]), tmp_path / "out", quiet=True)
    assert (made[broken].href, made[broken].problem) == (None, "cannot be read")
    assert (made[gone].href, made[gone].problem) == (None, "not found")
    assert sum(thumbnail.href is not None for thumbnail in made.values()) == 9


def test_a_folder_that_cannot_be_written_is_one_line(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: object, content: object) -> None:
        raise DreambenchError("no space left")

    monkeypatch.setattr("dreambench.report.thumbnails.write_bytes", full)
    with pytest.raises(DreambenchError, match="no space left"):
        make_thumbnails(read_run_scores([run]), run.report_folder, quiet=True)
