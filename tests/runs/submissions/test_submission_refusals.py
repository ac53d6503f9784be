"""Other people's images that cannot be scored: the wrong line, file or size is named, in one line."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.runs.submissions.submitted_images import RED, folder_with, manifest, one_line, score

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        (("a.png,dog,0", "b.png,hound,0"), ("line 3", "'hound'", "data show")),
        (("a.png,dog,zero",), ("line 2", "prompt_index 'zero'")),
        (("a.png,dog,25",), ("line 2", "prompt_index 25", "0 to 24")),
        (("../a.png,dog,0",), ("line 2", "../a.png lies outside")),
        (("/etc/hostname,dog,0",), ("line 2", "lies outside")),
        (("c.png,dog,0",), ("line 2", "c.png does not exist")),
        (("a.png,dog",), ("line 2", "does not have as many fields")),
        (("a.png,dog,0", "b.png,dog,0", "a.png,vase,0"), ("line 4", "a.png is already in line 2")),
    ],
)  # fmt: skip
def test_a_bad_manifest_line_is_named(tiny, capsys, tmp_path, lines, parts):
    words = ("--manifest", manifest(tmp_path / "in", *lines), "--out", str(tmp_path / "out"))
    one_line(score(tiny, capsys, *words), *parts)
    assert not (tmp_path / "out").exists()


def test_two_rows_of_one_cell_are_refused(tiny, capsys, tmp_path):
    path = manifest(
        tmp_path / "in", "a.png,dog,0,1", "b.png,dog,0,1", header="file,subject,prompt_index,image_index"
    )
    words = ("--manifest", path, "--out", str(tmp_path / "out"))
    one_line(score(tiny, capsys, *words), "line 3", "same subject, prompt and image as")


def test_an_image_index_beyond_the_spec_is_refused(tiny, capsys, tmp_path):
    header = "file,subject,prompt_index,image_index"
    path = manifest(tmp_path / "in", "a.png,dog,0,4", "b.png,dog,0,6", header=header)
    words = ("--manifest", path, "--out", str(tmp_path / "out"))
    one_line(score(tiny, capsys, *words), "line 2", "image_index 4", "--images-per-prompt 7")


def test_a_prompt_and_an_index_that_disagree_are_refused(tiny, capsys, tmp_path):
    line = "a.png,dog,0,a dog in the snow"
    path = manifest(tmp_path / "in", line, header="file,subject,prompt_index,prompt")
    one_line(score(tiny, capsys, "--manifest", path, "--out", str(tmp_path / "out")), "is prompt 1")


def test_a_prompt_that_is_not_the_benchmarks_is_named(tiny, capsys, tmp_path):
    path = manifest(tmp_path / "in", "a.png,dog,a sks dog on the moon", header="file,subject,prompt")
    words = ("--manifest", path, "--out", str(tmp_path / "out"))
    one_line(score(tiny, capsys, *words), "line 2", "on the moon", "not an official prompt", "did you mean")


def test_a_file_name_that_says_no_cell_is_named(tiny, capsys, tmp_path):
    words = ("--images", folder_with(tmp_path, final_png=RED), "--out", str(tmp_path / "out"))
    one_line(score(tiny, capsys, *words), "final.png", "07-2.png")


def test_one_cell_in_two_spellings_is_refused(tiny, capsys, tmp_path):
    words = (
        "--images",
        folder_with(tmp_path, **{"00_0_png": RED, "0_0_png": RED}),
        "--out",
        str(tmp_path / "out"),
    )
    one_line(score(tiny, capsys, *words), "same subject, prompt and image")


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n" + b"x" * 40])
def test_an_unreadable_image_is_named_and_nothing_is_lost(tiny, capsys, tmp_path, content):
    images = folder_with(tmp_path, **{"00_0_png": RED, "01_0_png": content})
    words = ("--images", images, "--subjects", "dog", "--out", str(tmp_path / "out"))
    one_line(score(tiny, capsys, *words), "01-0.png")
    RED.save(tmp_path / "images" / "dog" / "01-0.png")
    assert score(tiny, capsys, *words)[0] == 0


def test_two_sizes_in_one_prompt_are_refused_where_diversity_is_asked(tiny, capsys, tmp_path):
    images = folder_with(tmp_path, **{"00_0_png": RED, "00_1_png": Image.new("RGB", (80, 64))})
    words = ("--images", images, "--subjects", "dog", "--out", str(tmp_path / "out"))
    one_line(score(tiny, capsys, *words), "00-0.png", "00-1.png")
    assert score(tiny, capsys, *words, "--metrics", "dino,clip_i")[0] == 0


@pytest.mark.parametrize("kind", ["nothing", "both", "no folder", "empty", "unknown subject"])
def test_what_is_no_submission_is_told_in_one_line(tiny, capsys, tmp_path, kind):
    (tmp_path / "empty").mkdir()
    (tmp_path / "odd" / "hound").mkdir(parents=True)
    words = {
        "nothing": ([], "either --images"),
        "both": (["--images", str(tmp_path), "--manifest", "x.csv"], "either --images"),
        "no folder": (["--images", str(tmp_path / "none")], "is not a folder"),
        "empty": (["--images", str(tmp_path / "empty")], "contains no image"),
        "unknown subject": (["--images", str(tmp_path / "odd")], "no subject 'hound'"),
    }[kind]
    one_line(score(tiny, capsys, *words[0], "--out", str(tmp_path / "out")), words[1])
    assert not (tmp_path / "out").exists()
