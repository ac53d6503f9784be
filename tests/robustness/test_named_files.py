"""Files that a user names beside runs: outputs of commands, encodings, impossible numbers, lines cut off."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dreambench.errors import DreambenchError
from dreambench.store import RunFolder
from dreambench.store.writer_lock import only_writer


def _words(option: str, run: RunFolder, file: Path) -> list[str]:
    return {
        "--baseline": ["check", str(run.path), "--baseline", str(file)],
        "--correlation": ["claims", str(run.path), "--correlation", str(file)],
        "--votes": ["report", str(run.path), "--votes", str(file)],
        "--notes": ["reproduce", "--preset", "mini", "--notes", str(file)],
    }[option]


OPTIONS = ["--baseline", "--correlation", "--votes", "--notes"]


@pytest.mark.parametrize("option", ["--baseline", "--correlation", "--votes"])
def test_the_output_of_another_command_is_read(refused, run: RunFolder, option: str) -> None:
    """``--baseline <(git show main:baseline.json)`` is a pipe; this one contains an empty list."""
    reads, writes = os.pipe()
    os.write(writes, b"[]")
    os.close(writes)
    line = refused(*_words(option, run, Path(f"/dev/fd/{reads}")))
    os.close(reads)
    assert "is a pipe or a device" not in line
    assert f"/dev/fd/{reads}" in line or "the correlation file contains no test" in line


@pytest.mark.parametrize("kind", ["absent", "folder", "latin-1"])
@pytest.mark.parametrize("option", OPTIONS)
def test_a_file_that_is_not_text_is_named(
    refused, run: RunFolder, tmp_path: Path, option: str, kind: str
) -> None:
    file = tmp_path / "named"
    if kind == "folder":
        file.mkdir()
    elif kind == "latin-1":
        file.write_bytes("Übung".encode("latin-1"))
    assert str(file) in refused(*_words(option, run, file))


def _tested(**fields: object) -> str:
    test = {"human": "sc", "metric": "dino", "difference": 0.1, "n": 9, "p_bootstrap_two_sided": 0.01}
    return json.dumps({"paired": [{**test, "ci95_bootstrap": [0.05, 0.2], **fields}]})


IMPOSSIBLE = {
    "p_bootstrap_two_sided": -0.01,
    "n": 0,
    "ci95_bootstrap": [0.2, 0.05],
    "difference": 10**400,
}


@pytest.mark.parametrize("field", IMPOSSIBLE)
def test_a_correlation_with_a_number_that_no_test_gives(refused, run, tmp_path: Path, field: str) -> None:
    file = tmp_path / "correlation.json"
    file.write_text(_tested(**{field: IMPOSSIBLE[field]}), encoding="utf-8")
    assert "contains no test of DINO against CLIP-I" in refused(
        "claims", str(run.path), "--correlation", str(file)
    )


def test_a_correlation_that_is_nested_too_deeply(refused, run: RunFolder, tmp_path: Path) -> None:
    file = tmp_path / "correlation.json"
    file.write_text("[" * 100_000, encoding="utf-8")
    assert str(file) in refused("claims", str(run.path), "--correlation", str(file))


@pytest.mark.parametrize(
    "words", [["data", "show", "--data"], ["data", "pull", "--to"], ["gallery", "--prompts"]]
)
def test_the_home_of_a_user_that_is_not_known(refused, run: RunFolder, words: list[str]) -> None:
    words = [*words[:1], str(run.path), *words[1:]] if words[0] == "gallery" else words
    assert "no user of this machine has that name" in refused(*words, "~no-such-user/x")


def test_a_table_of_no_name(refused, run: RunFolder) -> None:
    assert "dreambench: . is a folder; give a file's name" in refused("claims", str(run.path), "--out", "")


@pytest.mark.parametrize("option", ["--data", "--base"])
def test_a_model_or_a_dataset_below_the_home_of_nobody(refused, option: str) -> None:
    assert "no user of this machine has that name" in refused(
        "run", "--preset", "mini", option, "~no-such-user/x"
    )


def test_a_report_into_links_in_a_circle(refused, run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    line = refused("report", str(run.path), "--out", str(tmp_path / "circle"))
    assert f"{tmp_path / 'circle'}" in line


def test_a_folder_whose_name_is_not_text(refused, run: RunFolder, tmp_path: Path) -> None:
    out = tmp_path / "a\udcff"
    assert r"a\udcff is not a name in UTF-8" in refused("report", str(run.path), "--out", str(out))
    with pytest.raises(DreambenchError, match="is not a name in UTF-8"), only_writer(out, "run"):
        raise AssertionError("it was let in")
    assert not out.exists()
