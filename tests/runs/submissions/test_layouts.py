"""Folders and lists of images as people have them: each file's cell, or one line that says what is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path
from unicodedata import normalize

import pandas as pd
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


ROWS = [
    {"file": "a.png", "subject": "dog", "prompt_index": 0},
    {"file": "b.png", "subject": "dog", "prompt_index": 1},
]


def _write(path: Path, rows: list[dict]) -> Path:
    frame = pd.DataFrame(rows)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows))
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


KINDS = [".csv", ".tsv", ".json", ".jsonl", ".parquet"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_list_says_the_same(tmp_path: Path, kind: str) -> None:
    files(tmp_path, "a.png", "b.png")
    said: list[str] = []
    rows = list(manifest_rows(_write(tmp_path / f"list{kind}", ROWS), None, said))
    assert [(r["image"].name, r["subject"], int(r["prompt_index"])) for r, _ in rows] == [
        ("a.png", "dog", 0),
        ("b.png", "dog", 1),
    ]
    assert said == []


@pytest.mark.parametrize("end", ["\n", "\x0b", "\u2028", "\x85"])
def test_a_caption_may_have_line_ends_in_it(tmp_path: Path, end: str) -> None:
    files(tmp_path, "a.png", "b.png")
    rows = [{**row, "note": f"two{end}lines"} for row in ROWS]
    with open(tmp_path / "list.csv", "w", encoding="utf-8", newline="") as file:
        pd.DataFrame(rows).to_csv(file, index=False)
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (tmp_path / "list.jsonl").write_text("\n".join(lines), encoding="utf-8")
    for name in ("list.csv", "list.jsonl"):
        found = [row["image"].name for row, _ in manifest_rows(tmp_path / name, None, [])]
        assert found == ["a.png", "b.png"]


def test_a_parquet_file_may_have_gaps_in_a_column_of_integers(tmp_path: Path) -> None:
    files(tmp_path, "a.png", "b.png")
    numbers = pd.array([3, None], dtype="Int64")
    pd.DataFrame(ROWS).assign(image_index=numbers).to_parquet(tmp_path / "list.parquet")
    first, second = (row for row, _ in manifest_rows(tmp_path / "list.parquet", None, []))
    assert first["image_index"] == 3
    assert "image_index" not in second


@pytest.mark.parametrize("kind", KINDS)
def test_further_columns_are_named_and_files_may_lie_below_a_root(tmp_path: Path, kind: str) -> None:
    files(tmp_path / "images", "a.png")
    row = {"file_name": "a.png", "subject": "dog", "text": SNOW, "cfg": 7.5, "seed": 3}
    said: list[str] = []
    path = _write(tmp_path / f"metadata{kind}", [row])
    ((found, _),) = manifest_rows(path, tmp_path / "images", said)
    assert (found["prompt"], found["image"]) == (SNOW, tmp_path / "images" / "a.png")
    assert said == [f"metadata{kind}: ignored columns: cfg, seed"]


LISTS = {
    "nothing": ("list.csv", "", "the columns are none"),
    "a column twice": ("list.csv", "file,file,subject,prompt\na.png,a.png,dog,x\n", "'file' appears twice"),
    "no column of subjects": ("list.csv", "file,prompt\na.png,x\n", "needed: file,subject"),
    "a line too short": (
        "list.csv",
        "file,subject,prompt_index\na.png,dog\n",
        "line 2 does not have as many fields",
    ),
    "a file outside": ("list.csv", "file,subject,prompt_index\n../a.png,dog,0\n", "lies outside"),
    "a file elsewhere": ("list.csv", "file,subject,prompt_index\n/etc/hostname,dog,0\n", "lies outside"),
    "no name": ("list.csv", "file,subject,prompt_index\n,dog,0\n", "an empty name lies outside"),
    "a file that is not there": ("list.csv", "file,subject,prompt_index\nc.png,dog,0\n", "does not exist"),
    "a file twice": ("list.csv", "file,subject,prompt\na.png,dog,x\na.png,dog,y\n", "is already in line 2"),
    "a field of 200 kB": ("list.csv", f"file,subject,prompt\na.png,dog,{'x' * 200_000}\n", "cannot be read"),
    "a cut JSON": ("list.json", '[{"file": "a.png"', "cannot be read"),
    "a header alone": ("list.csv", "file,subject,prompt_index\n", "list.csv has no rows"),
    "an empty JSON": ("list.json", "[]", "list.json has no rows"),
    "JSON in JSON": ("list.json", "[" * 100_000, "nested too deeply"),
    "a cut line of JSON": ("list.jsonl", '{"file": "a.png"}\n\n{"file": \n', "line 3 column 10: Expecting"),
    "JSON of a word": ("list.json", '"a.png"', "entry 0 is not an object"),
    "JSON Lines of numbers": ("list.jsonl", "1\n2\n", "line 1 is not an object"),
    "JSON without subjects": ("list.json", '[{"file": "a.png"}]', "needed: file,subject"),
    "Parquet of text": ("list.parquet", "hello", "cannot be read"),
}


@pytest.mark.parametrize("case", LISTS)
def test_a_wrong_list_is_one_line(tmp_path: Path, case: str) -> None:
    name, content, told = LISTS[case]
    files(tmp_path, "a.png")
    (tmp_path / name).write_text(content)
    with pytest.raises(DreambenchError, match=told) as error:
        list(manifest_rows(tmp_path / name, None, []))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_another_encoding_is_one_line(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text("file,subject,prompt\n\xe9.png,dog,x\n", encoding=encoding)
    with pytest.raises(DreambenchError, match="cannot be read"):
        list(manifest_rows(path, None, []))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "list.csv")
    with pytest.raises(DreambenchError, match="is a pipe or a device"):
        list(manifest_rows(tmp_path / "list.csv", None, []))
