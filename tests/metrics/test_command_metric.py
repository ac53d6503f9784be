"""A program as a metric: its numbers, and every way in which it can fail."""

from __future__ import annotations

import math
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from dreambench.errors import DreambenchError
from dreambench.metrics.command_metric import CommandMetric, CommandSpec
from dreambench.spec.file_metric import ScoredFile
from tests.metrics.material import Material, score

ECHO = (
    "import json, sys\n"
    "for line in sys.stdin:\n"
    "    asked = json.loads(line)\n"
    "    print(json.dumps({'score': len(asked['caption']) + len(asked['photos'])}))\n"
)


def files(count: int = 3) -> list[ScoredFile]:
    return [ScoredFile(Path(f"{i}.png"), "x" * i, (Path("a.jpg"), Path("b.jpg"))) for i in range(count)]


def answer(code: str, **settings: object) -> tuple[list[float], list[str]]:
    said: list[str] = []
    spec = CommandSpec(command=(sys.executable, "-c", code), **settings)
    return CommandMetric().score_files(files(), spec, Path("unused"), said.append), said


def test_it_gets_a_line_per_image_and_gives_its_numbers():
    assert answer(ECHO) == ([2.0, 3.0, 4.0], [])


def test_null_is_a_missing_score():
    values, said = answer(
        "print('{\"score\": null}'); print('{\"score\": 1}'); print(' '); print('{\"score\": 0.5}')"
    )
    assert math.isnan(values[0])
    assert values[1:] == [1.0, 0.5]
    assert said == []


@pytest.mark.parametrize(
    ("code", "message", "settings"),
    [
        ("raise SystemExit('no weights here')", "exit code 1: no weights here", {}),
        ("import os; os.kill(os.getpid(), 9)", "exit code -9", {}),
        ("import time; time.sleep(60)", "no answer within 0.5 seconds", {"timeout": 0.5}),
        ("print('loading...')", "does not have 3 lines", {}),
        ("print('1\\n2\\n3')", "does not have 3 lines", {}),
        ("[print('{\"score\": 1}') for _ in range(4)]", "does not have 3 lines", {}),
        ('[print(\'{"score": "high"}\') for _ in range(3)]', "does not have 3 lines", {}),
        ("[print('{\"score\": NaN}') for _ in range(3)]", "does not have 3 lines", {}),
        ("[print('{\"score\": 1' + '0' * 400 + '}') for _ in range(3)]", "does not have 3 lines", {}),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')", "can't decode", {}),
    ],
)
def test_a_fault_is_one_line_and_missing_scores(code, message, settings):
    values, said = answer(code, **settings)
    assert all(map(math.isnan, values))
    assert len(said) == 1
    assert message in said[0]
    assert "3 scores are missing" in said[0]
    assert "\n" not in said[0]


def test_what_a_program_says_beside_its_scores_may_be_in_any_encoding():
    assert answer(r"import os; os.write(2, b'gr\xfc\xdf\n')" + f"\n{ECHO}") == ([2.0, 3.0, 4.0], [])


def test_a_program_is_stopped_where_there_are_no_process_groups(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(os, "killpg")  # as on Windows
    _, said = answer("import time; time.sleep(60)", timeout=0.5)
    assert "no answer within 0.5 seconds" in said[0]


def test_what_a_program_started_does_not_outlive_it(tmp_path: Path) -> None:
    """A child that sleeps writes to a pipe when it ends; the pipe is closed at once where it was killed."""
    held = tmp_path / "held"
    os.mkfifo(held)
    child = f"import time; f = open({str(held)!r}, 'w'); time.sleep(60)"
    code = (
        f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    )
    ended = threading.Thread(target=lambda: held.read_text(), daemon=True)  # until no writer is left
    ended.start()
    answer(code, timeout=2.0)
    ended.join(timeout=20)
    assert not ended.is_alive()


def test_a_program_that_does_not_exist_is_one_line():
    said: list[str] = []
    values = CommandMetric().score_files(files(), CommandSpec(command=("nowhere",)), Path(), said.append)
    assert all(map(math.isnan, values))
    assert "nowhere" in said[0]


def test_without_a_program_it_says_how_to_name_one():
    with pytest.raises(DreambenchError, match=r"--set protocol\.encoders\.command\.command"):
        CommandMetric().score_files(files(), CommandSpec(), Path(), print)


def test_its_numbers_are_a_column_of_the_images(run, material: Material, tiny_models):
    protocol = tiny_models.protocol("dino", "command")
    spec = CommandSpec(command=(sys.executable, "-c", ECHO))
    score(run, material, protocol.with_encoder_specs({"command": spec}), priors={})
    images = run.scores("images")
    expected = [len(c.caption) + len(material.photos[c.subject]) for c in material.cells]
    assert images["command"].tolist() == expected
    assert images["dino"].notna().all()


def test_a_failing_program_leaves_the_other_metrics_alone(run, material: Material, tiny_models):
    spec = CommandSpec(command=(sys.executable, "-c", "raise SystemExit('broken')"))
    protocol = tiny_models.protocol("dino", "command").with_encoder_specs({"command": spec})
    said: list[str] = []
    score(run, material, protocol, priors={}, note=said.append)
    images = run.scores("images")
    assert images["command"].isna().all()
    assert images["dino"].notna().all()
    assert len(said) == 2  # one line for each subject
    cells = [replace(c, file=None if c.subject == "dog" else c.file) for c in material.cells]
    score(run, material, protocol, priors={}, note=said.append, cells=cells)
    assert len(said) == 3  # it is not started for a subject without images
