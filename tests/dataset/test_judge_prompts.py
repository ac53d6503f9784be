"""The prompts of DreamBench++'s judge: pulled whole and verified, or read from a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dreambench.cli.data_command import app
from dreambench.dataset import pinned_files, pull_prompts, pulling
from dreambench.dataset.judge_prompts import JUDGE_PROMPTS, QUESTIONS, read_prompts
from dreambench.errors import DreambenchError

FIELD = "protocol.encoders.judge_plus.prompts"
READ = {question: (f"Rate the {question}.", f"I rate the {question}.") for question in QUESTIONS}


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six files that are the prompts for the length of a test; the host is a port where nothing listens."""
    folder, manifests = tmp_path / "copy", tmp_path / "data" / "manifests"
    folder.mkdir()
    manifests.mkdir(parents=True)
    rows = ["file,repository,commit,path,sha256,bytes"]
    for question, pair in READ.items():
        for who, text in zip(("user", "gpt"), pair, strict=True):
            file = folder / f"{who}_prompt_{question}_full.txt"
            file.write_bytes(f"{text}\n".encode())
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            rows.append(f"{file.name},own/er,abcdef0123,deep/{file.name},{digest},{file.stat().st_size}")
    (manifests / "dreambench-plus-prompts.csv").write_text("\n".join(rows) + "\n")
    monkeypatch.setattr(pinned_files, "data_folder", lambda: tmp_path / "data")
    monkeypatch.setattr(pinned_files, "HOST", "http://127.0.0.1:9")
    monkeypatch.setattr(pulling, "RETRIES", 0)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return folder


def test_the_command_pulls_them_by_name_and_they_are_read_without_their_last_line_end(copy: Path):
    result = CliRunner().invoke(app, ["pull", "dreambench-plus-prompts", "--from", str(copy)])
    assert result.exit_code == 0, result.output
    assert JUDGE_PROMPTS.folder.name == "dreambench-plus-prompts-abcdef0"
    assert read_prompts("", FIELD) == READ == read_prompts(str(copy), FIELD)


def test_pulled_ones_have_to_be_as_pinned_and_those_of_a_folder_only_there(copy: Path):
    pulled = pull_prompts(source=copy)
    for folder in (pulled, copy):
        (folder / "user_prompt_style_full.txt").write_text("Rate it.")
    with pytest.raises(
        DreambenchError, match=r"user_prompt_style_full.txt: differs.*data pull dreambench-plus"
    ):
        read_prompts("", FIELD)
    assert read_prompts(str(copy), FIELD)["style"][0] == "Rate it."
    with pytest.raises(DreambenchError, match=r"user_prompt_style_full.txt: differs"):
        pull_prompts(source=copy)
    (copy / "gpt_prompt_text_full.txt").write_bytes(b"\xff")
    with pytest.raises(DreambenchError, match=rf"{FIELD}=.*gpt_prompt_text_full.txt cannot be read there"):
        read_prompts(str(copy), FIELD)


def test_no_network_is_one_line_with_the_way_around_it(copy: Path):
    with pytest.raises(
        DreambenchError, match=r"no connection.*pull dreambench-plus-prompts --from FOLDER"
    ) as it:
        pull_prompts()
    assert "\n" not in str(it.value)
    assert not JUDGE_PROMPTS.folder.exists()


def test_the_manifest_pins_what_is_read():
    listed = JUDGE_PROMPTS.files
    assert {f.file for f in listed} == {
        f"{w}_prompt_{q}_full.txt" for w in ("user", "gpt") for q in QUESTIONS
    }
    assert {(f.repository, f.commit[:7], len(f.sha256)) for f in listed} == {
        ("yuangpeng/dreambench_plus", "c4eb5c1", 64)
    }
