"""Folders of images as people have them: each file's cell, or one line that says what is wrong."""

from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

import pytest

from dreambench.dataset import Subject
from dreambench.errors import DreambenchError
from dreambench.runs.submissions.layouts import read_layout
from dreambench.runs.submissions.manifests import manifest_rows

DOG, PACK = Subject("dog", "dog", "live", ()), Subject("backpack_dog", "backpack", "object", ())
SUBJECTS = [PACK, DOG]
SNOW = DOG.prompts[1].text("dog")  # "a dog in the snow"


def files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def cells(folder: Path, pattern: str | None = None) -> dict[str, tuple]:
    found = read_layout(folder, SUBJECTS, pattern)
    return {file.relative_to(folder).as_posix(): cell for cell, file in found}


LAYOUTS = {
    "ours": {"dog/07-2.png": ("dog", 7, 2), "backpack_dog/0-0.jpg": ("backpack_dog", 0, 0)},
    "ours, with class images": {"dog/00-0.png": ("dog", 0, 0), "dog/class-003.png": ("dog", None, 3)},
    "subjects in other case": {"Dog/07-2.PNG": ("dog", 7, 2), "DOG/0-0.webp": ("dog", 0, 0)},
    "a folder per prompt's text": {f"dog/{SNOW}/0.png": ("dog", 1, 0), f"dog/{SNOW}/1.png": ("dog", 1, 1)},
    "with the identifier": {"dog/a sks dog in the snow/0.png": ("dog", 1, 0)},
    "with underscores": {"dog/a_dog_in_the_snow/0.png": ("dog", 1, 0)},
    "a folder per index and seeds": {"dog/3/1234.png": ("dog", 3, 0), "dog/3/5678.png": ("dog", 3, 1)},
    "flat": {"dog_7_2.png": ("dog", 7, 2), "backpack_dog_7_2.png": ("backpack_dog", 7, 2)},
    "flat, with dashes": {"dog-7-2.png": ("dog", 7, 2), "backpack_dog-07-2.png": ("backpack_dog", 7, 2)},
    "UNO's": {"0_0.png": ("backpack_dog", 0, 0), "26_3.png": ("dog", 1, 3), "49_0.png": ("dog", 24, 0)},
    "further formats": {f"dog/00-{i}.{kind}": ("dog", 0, i) for i, kind in enumerate(("bmp", "gif", "avif"))},
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_understood(tmp_path: Path, layout: str) -> None:
    expected = LAYOUTS[layout]
    assert cells(files(tmp_path, *expected, ".hidden/dog/0-0.png", "notes.txt")) == expected


PATTERNS = {
    "{subject}_{prompt}_{image}.png": {"backpack_dog_12_3.png": ("backpack_dog", 12, 3)},
    "{image}/{subject}/{prompt}.png": {"2/dog/a dog in the snow.png": ("dog", 1, 2)},
    "out/{prompt}-of-{subject}-{image}": {"out/04-of-dog-0.jpg": ("dog", 4, 0)},
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_says_how_files_are_called(tmp_path: Path, pattern: str) -> None:
    assert cells(files(tmp_path, *PATTERNS[pattern]), pattern) == PATTERNS[pattern]


@pytest.mark.parametrize("pattern", [None, "{subject}/{prompt}-{image}"])
def test_names_from_a_mac_have_their_accents_apart(tmp_path: Path, pattern: str | None) -> None:
    names = {form: f"{normalize(form, 'café')}/07-2.png" for form in ("NFC", "NFD")}
    files(tmp_path, names["NFD"])
    cup = Subject(normalize("NFC", "café"), "cup", "object", ())
    ((cell, _),) = read_layout(tmp_path, [cup], pattern)
    assert cell == (cup.name, 7, 2)


def test_links_lead_anywhere(tmp_path: Path) -> None:
    real = files(tmp_path / "real", "x.png") / "x.png"
    (tmp_path / "in" / "dog").mkdir(parents=True)
    (tmp_path / "in" / "dog" / "00-0.png").symlink_to(real)
    (tmp_path / "in" / "list.csv").write_text("file,subject,prompt_index\ndog/00-0.png,dog,0\n")
    assert cells(tmp_path / "in") == {"dog/00-0.png": ("dog", 0, 0)}
    ((row, _),) = manifest_rows(tmp_path / "in" / "list.csv", None, [])
    assert row["image"] == tmp_path / "in" / "dog" / "00-0.png"


REFUSED = {
    "an unknown subject": (["dgo/00-0.png"], None, "no subject 'dgo'.*1 of its 1 images.*mean 'dog'"),
    "an unknown prompt": (["dog/a dog in the snwo/0.png"], None, "mean 'a dog in the snow'"),
    "a name without a cell": (["dog/00-0.png", "dog/final.png"], None, "final.png: .*1 of its 2 images"),
    "another pattern": (["dog_7_2.png"], "{subject}-{prompt}-{image}.png", "1 of its 1 images do not fit"),
    "Unicode digits": (["dog/\u0660\u0661-0.png"], None, "does not follow"),
    "a pattern without a place": (["dog_7_2.png"], "{subject}_{prompt}.png", "needs {subject}"),
    "a pattern with another place": (["dog_7_2.png"], "{subject}_{prompt}_{seed}.png", "needs {subject}"),
    "text files alone": (["dog/readme.txt"], None, "contains no image"),
    "an empty folder of a wrong name": (["hound/readme.txt"], None, "no subject 'hound'"),
    "more than 25 prompts of each": (["50_0.png"], None, "1 of its 1 images do not fit"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_named(tmp_path: Path, case: str) -> None:
    names, pattern, told = REFUSED[case]
    with pytest.raises(DreambenchError, match=told):
        cells(files(tmp_path, *names), pattern)


def test_subject_folders_may_be_links_and_links_may_lead_in_a_circle(tmp_path: Path) -> None:
    files(tmp_path / "kept", "00-0.png", "03-1.png")
    folder = files(tmp_path / "images")
    folder.mkdir()
    for name in ("dog", "backpack_dog"):
        (folder / name).symlink_to(tmp_path / "kept")
    (tmp_path / "kept" / "again").symlink_to(folder)
    assert cells(folder) == {
        f"{name}/{file}.png": (name, *cell)
        for name in ("dog", "backpack_dog")
        for file, cell in (("00-0", (0, 0)), ("03-1", (3, 1)))
    }


def test_scores_that_are_kept_among_the_images_are_none_of_them(tmp_path: Path) -> None:
    folder = files(tmp_path, "dog/00-0.png", "scores/run.json", "scores/report/thumbs/photos/dog/00.png")
    assert cells(folder) == {"dog/00-0.png": ("dog", 0, 0)}
    assert cells(files(tmp_path, "run.json")) == {"dog/00-0.png": ("dog", 0, 0)}


def test_of_a_run_the_folder_of_its_images_is_named(tmp_path: Path) -> None:
    run = files(tmp_path / "run", "run.json", "images/dog/00-0.png", "images/dog/class-000.png")
    with pytest.raises(DreambenchError, match="is a run, and its images are in a folder of it") as refused:
        cells(run)
    assert refused.value.remedy == f"give {run}/images"
    assert len(cells(run / "images")) == 2
