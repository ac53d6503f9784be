"""What a gallery refuses before it writes anything, and prompts that are too long for a model."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dreambench.errors import DreambenchError
from dreambench.store.gallery_folder import open_gallery
from tests.material import tiny as models
from tests.report.conftest import read_page
from tests.runs.drawn_galleries import _cache as _cache  # fixtures of both files of the gallery
from tests.runs.drawn_galleries import call, files
from tests.runs.drawn_galleries import run as run
from tests.runs.drawn_galleries import top as top

pytestmark = pytest.mark.slow


def test_prompts_that_are_too_long_for_the_model_are_told(
    top: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "a {identifier} {class_noun} " + "very " * 90 + "happy"
    (tmp_path / "long.yaml").write_text(
        f"title: Long\nprompts: ['{long}', 'a {{identifier}} {{class_noun}}']\n"
    )
    words = ("--prompts", tmp_path / "long.yaml", "--subjects", "vase", "--images", "1")
    assert call("gallery", top / "run", *words, "--out", tmp_path / "out") == 0
    assert "1 of 2 prompts are longer than the model's 77 tokens" in capsys.readouterr().err
    assert "1 of 2 prompts are longer" in read_page(tmp_path / "out" / "index.html").words


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_a_log_that_is_not_a_file_is_named(tmp_path: Path, kind: str) -> None:
    log = tmp_path / "gallery.json"
    log.mkdir() if kind == "folder" else os.mkfifo(log)
    with pytest.raises(DreambenchError, match=r"gallery\.json (is a pipe|cannot be read as a gallery's log)"):
        open_gallery(tmp_path)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--prompts", "BAD"], "bad.yaml: field prompts[0]: {identifier} is missing in 'a {class_noun}'"),
        (["--prompts", "paintings"], "prompts 'paintings' are neither a known set nor a file"),
        (["--subjects", "dgo"], "subject 'dgo' is not in the dataset"),
        (["--subjects", "cat"], "subject 'cat' is not in the run"),
        (["--prompts", "accessories", "--subjects", "vase"], "no prompt of accessories applies to vase"),
        (["--images", "0"], "'--images'"),
        (["--data", "OTHER"], "was made with other files than those found now (data.fingerprint"),
        (["--out", "RUN"], "is not empty and contains no gallery"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(
    words: list[str], told: str, run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.yaml").write_text("title: T\nprompts: ['a {class_noun}']\n")
    if "OTHER" in words:
        models.build_dataset(tmp_path / "other", ["dog", "vase"], size=32)
    places = {"BAD": tmp_path / "bad.yaml", "OTHER": tmp_path / "other", "RUN": run}
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    capfd.readouterr()
    assert call("gallery", run, *[places.get(w, w) for w in words]) == 2
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert told in lines[0]
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before


def test_a_folder_of_another_gallery_is_refused(top: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = files(top / "whole")
    words = ("gallery", top / "run", "--out", top / "whole")
    assert call(*words, "--prompts", "novel-views", "--seed", "1") == 2
    assert "contains another gallery (other prompts, seed)" in capfd.readouterr().err
    assert files(top / "whole") == before


def test_scores_of_others_images_have_no_model(
    top: Path, tiny: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = [*models.options({k: v for k, v in tiny.items() if k not in ("base", "image_size")})]
    asked = ("--data", tiny["data"], "--metrics", "dino", "--out", tmp_path / "scored")
    assert call("score", "--images", top / "run" / "images", *asked, *words) == 0
    assert call("gallery", tmp_path / "scored") == 2
    assert "contains scores of images that were made elsewhere" in capfd.readouterr().err
