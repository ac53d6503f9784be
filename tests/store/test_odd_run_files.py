"""What is not a file where a run has one: pipes and folders are not waited for, and not believed."""

from __future__ import annotations

import os

import pytest

from dreambench.errors import DreambenchError
from dreambench.store import RunFolder, locked_run
from tests.store.material import record


@pytest.mark.parametrize("name", ["run.json", ".run.json"])
def test_a_log_that_is_a_pipe_is_not_waited_for(tmp_path, name):
    with locked_run(tmp_path, record()):
        pass
    (tmp_path / "run.json").unlink()
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    with (
        pytest.raises(DreambenchError, match=rf"{name} is a pipe or a device"),
        locked_run(tmp_path, record()),
    ):
        raise AssertionError("it was resumed")


def test_a_subjects_files_that_are_pipes_are_not_waited_for(tmp_path):
    run = RunFolder(tmp_path, record())
    for file in (run.subject_file("dog"), run.loss_file("dog")):
        file.parent.mkdir()
        os.mkfifo(file)
    assert run.subject_note("dog") is None
    with pytest.raises(DreambenchError, match=r"dog-loss\.csv is a pipe or a device"):
        run.losses("dog")


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_loss_log_that_is_not_a_file_has_changed(tmp_path, make):
    run = RunFolder(tmp_path, record())
    run.save_subject("dog", {"losses_sha256": "0" * 64})
    run.loss_file("dog").parent.mkdir()
    make(run.loss_file("dog"))
    assert run.losses_changed("dog")


def test_a_note_that_is_nested_too_deeply_counts_as_none(tmp_path):
    run = RunFolder(tmp_path, record())
    run.subject_file("dog").parent.mkdir()
    run.subject_file("dog").write_text("[" * 100_000, encoding="utf-8")
    assert run.subject_note("dog") is None
