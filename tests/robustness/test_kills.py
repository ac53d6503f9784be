"""Kills by four signals, at seeded changes of files: the same tables, and nothing left over.

Twelve by default; ``DREAMBENCH_KILLS=40 python -m pytest tests/robustness/test_kills.py`` takes minutes.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tomllib
from functools import partial
from pathlib import Path

import pytest

from dreambench.store import open_run
from tests.material.faults import Runner
from tests.material.processes import ROOT
from tests.robustness.test_damage_and_resume import _assert_same, _words

pytestmark = pytest.mark.slow

CODES = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGINT: 130}
KILLS = int(os.environ.get("DREAMBENCH_KILLS", "12"))  # a multiple of four


def _leftovers(run: Path) -> list[Path]:
    # A subject's weights wait for its images in a folder that says since which start of the machine.
    kept = {".run.json", ".boot"}
    return [path for path in run.rglob(".*") if path.name not in kept]


def test_kills_by_four_signals(tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner, out = Runner(tmp_path), tmp_path / "top" / "run"
    monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path / "whole-cache"))
    folders = [tmp_path / "whole", tmp_path / "whole-cache"]
    assert runner.run(_words(tiny, tmp_path / "whole"), folders) == 0, runner.log
    changes, dice = runner.changes, random.Random(40)
    monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path / "top" / "cache"))
    killed = dict.fromkeys(CODES, 0)
    while sum(killed.values()) < KILLS:
        number = min(CODES, key=lambda n: killed[n])
        code = runner.run(_words(tiny, out), [tmp_path / "top"], dice.randint(1, changes // 3), number)
        if code == 0:  # it ended before the signal: begin again
            _assert_same(out, tmp_path / "whole")
            shutil.rmtree(tmp_path / "top")
            continue
        assert code == CODES[number], runner.log[-1500:]
        killed[number] += 1
        if number != signal.SIGKILL and (out / "run.json").exists():
            assert _leftovers(out) == []
            assert open_run(out).record.status in ("interrupted", "complete")
    assert runner.run(_words(tiny, out), [tmp_path / "top"]) == 0, runner.log[-1500:]
    _assert_same(out, tmp_path / "whole")
    assert set(killed.values()) == {KILLS // len(CODES)}


@pytest.mark.parametrize(
    "start", [("-m", "dreambench"), ("-c", "from dreambench.__main__ import main; main()")]
)
def test_an_interrupt_while_the_command_loads_is_one_line(tmp_path: Path, start: tuple[str, str]) -> None:
    """The first library that the command line imports is replaced by one during which Ctrl-C comes."""
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    command = [sys.executable, *start, "presets"]
    # A parent that ignores Ctrl-C, as background jobs of a shell do, must not hand that down.
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, preexec_fn=heard
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted before it began\n")


def test_the_installed_command_is_the_one_that_can_be_interrupted() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert scripts == {"dreambench": "dreambench.__main__:main"}
