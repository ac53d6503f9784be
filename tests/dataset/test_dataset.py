"""Loading: the official dataset photo by photo, and a user's own with every mistake in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from dreambench.dataset import load_dataset, verify
from dreambench.dataset.dataset import Problem
from dreambench.dataset.official import official_fingerprint, official_photos, official_subjects
from dreambench.errors import DreambenchError

Make = Callable[..., Path]


def _replace(path: Path, content: bytes) -> None:
    """Put a file where a link was, without touching what the link leads to."""
    path.unlink()
    path.write_bytes(content)


def test_the_official_dataset(official: Path) -> None:
    dataset = load_dataset(official)
    assert dataset.label == "dreambooth@4f887af"
    assert dataset.fingerprint == official_fingerprint()
    assert [(s.name, s.class_noun, s.category, len(s.photos)) for s in dataset.subjects] == [
        (s.name, s.class_noun, s.category, s.photo_count) for s in official_subjects()
    ]
    names = [photo.path.name for photo in dataset["dog6"].photos]
    assert names == sorted(names)
    assert all(photo.path.is_file() for subject in dataset.subjects for photo in subject.photos)
    assert load_dataset(official.parent) == dataset
    assert verify(official) == []


def test_the_manifest_agrees_with_the_subjects() -> None:
    counts = {s.name: s.photo_count for s in official_subjects()}
    listed = [photo.subject for photo in official_photos()]
    assert {name: listed.count(name) for name in counts} == counts
    assert len({photo.sha256 for photo in official_photos()}) == 158
    assert all(photo.width == photo.height and photo.bytes > 0 for photo in official_photos())


def test_a_linked_copy_is_the_official_dataset(official_copy: Path) -> None:
    assert load_dataset(official_copy).label == "dreambooth@4f887af"


def test_every_departure_from_the_official_dataset_is_listed(official_copy: Path) -> None:
    cut = (official_copy / "cat" / "00.jpg").read_bytes()
    for path in (official_copy / "vase").iterdir():
        path.unlink()
    (official_copy / "vase").rmdir()
    (official_copy / "dog" / "01.jpg").unlink()
    _replace(official_copy / "cat" / "00.jpg", cut[: len(cut) // 2])
    _replace(official_copy / "can" / "02.jpg", (official_copy / "can" / "03.jpg").read_bytes())
    _replace(official_copy / "clock" / "00.jpg", b"")
    Image.new("RGB", (4, 4)).save(official_copy / "dog" / "99.png")
    (official_copy / "my_dog").mkdir()
    Image.new("RGB", (4, 4)).save(official_copy / "my_dog" / "0.png")
    (official_copy / "dog" / ".DS_Store").write_bytes(b"x")

    problems = {problem.file: problem.problem for problem in verify(official_copy)}
    assert next(iter(problems)) == "vase"
    assert set(problems) == {
        "vase", "dog/01.jpg", "cat/00.jpg", "can/02.jpg", "clock/00.jpg", "dog/99.png", "my_dog/0.png",
    }  # fmt: skip
    assert "missing" in problems["vase"]
    assert problems["dog/01.jpg"] == "missing"
    assert "cut off" in problems["cat/00.jpg"]
    assert "SHA-256" in problems["can/02.jpg"]
    assert "empty" in problems["clock/00.jpg"]
    assert "not part" in problems["my_dog/0.png"]
    with pytest.raises(DreambenchError) as caught:
        load_dataset(official_copy)
    line = str(caught.value)
    assert str(official_copy / "vase") in line
    assert "6 more problems" in line
    assert "dreambench data verify --data" in line
    assert "dreambench data pull" in line


@pytest.mark.parametrize("check", [True, False])
def test_one_changed_byte_is_found(official_copy: Path, check: bool) -> None:
    path = official_copy / "teapot" / "03.jpg"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    _replace(path, bytes(content))
    with pytest.raises(DreambenchError, match=r"teapot/03\.jpg: .*; "):
        load_dataset(official_copy, check=check)


def test_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(DreambenchError, match=r"dreambench data pull.*--data FOLDER"):
        load_dataset()
    with pytest.raises(DreambenchError, match="does not exist"):
        load_dataset(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(DreambenchError, match="is a file"):
        load_dataset(tmp_path / "file")
    (tmp_path / "plain" / "cup").mkdir(parents=True)
    with pytest.raises(DreambenchError, match=r"subjects\.csv.*subject,class_noun,category"):
        load_dataset(tmp_path / "plain")


def test_a_users_own_dataset(own: Make) -> None:
    text = "subject,class_noun,category\nmug,coffee mug,\nrex,dog,live\n<b>x</b>,toy,object\n"
    (folder := own(text, "mug", "rex", "extra")).joinpath("rex", ".DS_Store").write_bytes(b"junk")
    (folder / "<b>x<").mkdir()
    (folder / "rex" / "notes.txt").write_text("ignored")
    with pytest.raises(DreambenchError, match="path separator"):
        load_dataset(folder)
    (folder / "subjects.csv").write_text(text.replace("<b>x</b>", "<b>x<"))
    Image.new("L", (5, 5)).save(folder / "<b>x<" / "B.JPG")

    dataset = load_dataset(folder)
    assert [(s.name, s.class_noun, s.category, len(s.photos)) for s in dataset.subjects] == [
        ("mug", "coffee mug", "object", 2),
        ("rex", "dog", "live", 2),
        ("<b>x<", "toy", "object", 1),
    ]
    assert dataset.label == f"my-photos@{dataset.fingerprint[:7]}"
    assert dataset["rex"].prompts[10].text("dog") == "a dog wearing a red hat"
    assert verify(folder) == []


def test_byte_order_mark_and_two_columns(own: Make) -> None:
    folder = own("subject,class_noun\r\nmug , mug\r\n\r\n", "mug", encoding="utf-8-sig")
    assert load_dataset(folder)["mug"].category == "object"


def test_the_fingerprint_covers_what_changes_results_and_no_more(own: Make) -> None:
    folder = own("subject,class_noun\na,mug\nb,toy\n", "a", "b")
    before = load_dataset(folder).fingerprint
    (folder / "subjects.csv").write_text("class_noun,subject,category\ntoy,b,object\nmug,a,\n")
    assert load_dataset(folder).fingerprint == before
    seen = {before}
    for text in ("subject,class_noun\na,cup\nb,toy\n", "subject,class_noun,category\na,mug,live\nb,toy,\n"):
        (folder / "subjects.csv").write_text(text)
        seen.add(load_dataset(folder).fingerprint)
    (folder / "a" / "0.png").rename(folder / "a" / "2.png")
    seen.add(load_dataset(folder).fingerprint)
    Image.new("RGB", (9, 9)).save(folder / "a" / "2.png")
    seen.add(load_dataset(folder).fingerprint)
    assert len(seen) == 5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no column 'subject'"),
        ("subject\nmug\n", "no column 'class_noun'"),
        ("subject;class_noun\nmug;mug\n", "no column"),
        ("subject,class_noun,colour\nmug,mug,red\n", "unknown column 'colour'"),
        ("subject,class_noun,subject\nmug,mug,mug\n", "column twice"),
        ("subject,class_noun\n", "names no subject"),
        ("subject,class_noun\nmug,mug,object\n", "3 cells under 2 columns"),
        ("subject,class_noun\nmug,mug\nmug,mug\n", r"subjects\.csv:3: subject 'mug' is listed twice"),
        ("subject,class_noun\nmug,  \n", "no class noun"),
        ("subject,class_noun\nmug\n", "no class noun"),
        ("subject,class_noun\n,mug\n", "name is empty"),
        ("subject,class_noun,category\nmug,mug,thing\n", "category 'thing' is unknown"),
        ("subject,class_noun\ncup,mug\n", "cup: .*does not exist"),
        ("subject,class_noun\n../mug,mug\n", "dot"),
        ("subject,class_noun\n..,mug\n", "dot"),
        ("subject,class_noun\na/b,mug\n", "path separator"),
        ("subject,class_noun\n/etc,mug\n", "path separator"),
        ("subject,class_noun\na\\b,mug\n", "path separator"),
        ('subject,class_noun\n"a\nb",mug\n', "line break"),
        ("subject,class_noun\na\0b,mug\n", r"path separator|NUL|not CSV"),
        ('subject,class_noun\n"mug,mug\n', "not CSV"),
        ("subject,class_noun\nall,mug\n", "'all'"),
        ("subject,class_noun\nsubjects.csv,mug\n", "cannot be read"),
        (f"subject,class_noun\n{'x' * 300},mug\n", "cannot be read"),
    ],
)
def test_a_bad_list_is_told(own: Make, text: str, reason: str) -> None:
    folder = own(text, "mug")
    with pytest.raises(DreambenchError, match=reason) as caught:
        load_dataset(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    assert len(verify(folder)) == 1


def test_a_list_in_another_encoding(own: Make) -> None:
    folder = own("subject,class_noun\nmug,caf\u00e9\n", "mug", encoding="latin-1")
    with pytest.raises(DreambenchError, match="not UTF-8"):
        load_dataset(folder)


def test_bad_photos_are_told_when_checked(own: Make) -> None:
    folder = own("subject,class_noun\nmug,mug\ncup,cup\n", "mug")
    (folder / "mug" / "1.png").write_bytes(b"no picture")
    (folder / "cup").mkdir()
    (folder / "cup" / "readme.txt").touch()
    assert [problem.file for problem in verify(folder)] == ["mug/1.png", "cup"]
    assert "no photos" in verify(folder)[1].problem
    with pytest.raises(DreambenchError, match=r"mug/1\.png: is not an image.*1 more problem\b"):
        load_dataset(folder)
    Image.new("RGB", (4, 4)).save(folder / "cup" / "0.png")
    assert len(load_dataset(folder, check=False).subjects) == 2
    assert verify(folder) == [Problem("mug/1.png", "is not an image in a known format")]


def test_selection(own: Make) -> None:
    dataset = load_dataset(own("subject,class_noun\ndog,dog\ncat,cat\nx,toy\n", "dog", "cat", "x"))
    assert dataset.select("all") == dataset.select(["all"]) == dataset.subjects
    assert [s.name for s in dataset.select(" cat, dog")] == ["cat", "dog"]
    assert [s.name for s in dataset.select(("x",))] == ["x"]
    for bad, reason in {
        "dgo": "did you mean 'dog'.*dreambench data show",
        "dog,,cat": "empty",
        "": "empty",
        "dog,cat,dog": "'dog' is selected twice",
        "all,dog": "'all'",
    }.items():
        with pytest.raises(DreambenchError, match=reason):
            dataset.select(bad)
    with pytest.raises(DreambenchError, match="empty"):
        dataset.select([])
    with pytest.raises(DreambenchError, match="not in the dataset"):
        dataset["zebra"]
