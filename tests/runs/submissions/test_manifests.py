"""Lists of images as people have them: CSV, TSV, JSON, Parquet, and one line that says what is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from dreambench.errors import DreambenchError
from dreambench.runs.submissions.manifests import manifest_rows
from tests.runs.submissions.test_layouts import SNOW, files

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


def test_a_second_column_of_one_meaning_is_named_as_ignored(tmp_path: Path) -> None:
    files(tmp_path, "a.png")
    row = {"file": "a.png", "path": "b.png", "subject": "dog", "text": SNOW, "caption": "on the moon"}
    said: list[str] = []
    ((found, _),) = manifest_rows(_write(tmp_path / "list.csv", [row]), None, said)
    assert (found["prompt"], found["image"].name) == (SNOW, "a.png")
    assert said == ["list.csv: ignored columns: path, caption"]


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
    "a prompt in place of the file": (
        "list.csv",
        f"file,subject,prompt\n{'a dog ' * 200},dog,x\n",
        "line 2: a dog",
    ),
    "a field twice": ("list.json", '[{"file": "a.png", "subject": "dog", "file": "b.png"}]', "'file' twice"),
    "a field twice in a line": (
        "list.jsonl",
        '{"file": "a.png"}\n{"file": "a.png", "file": 1}',
        "line 2 has .* twice",
    ),
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
