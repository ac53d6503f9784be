"""The command itself on a Ray of its own: interrupted, killed, and gone on with."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dreambench.runs.runner import Job
from dreambench.store import open_run
from tests.executors.material import Silent, assert_same_result, prepared, run_here, words

pytestmark = pytest.mark.slow

pytest.importorskip("ray")

ROOT = Path(__file__).resolve().parents[2]
SUBJECTS = "dog,dog2,vase"
PATIENCE = 600.0  # on a busy machine; it takes seconds


@pytest.fixture
def start():
    """Start the command; whatever still runs when the test ends is killed."""
    started: list[subprocess.Popen] = []

    def begin(tiny, out: Path) -> subprocess.Popen:
        started.append(_start(tiny, out))
        return started[-1]

    yield begin
    for process in started:
        process.kill()


def _start(tiny, out: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "dreambench", *words(tiny, SUBJECTS, out)]
    return subprocess.Popen(
        [*command, "--executor", "ray", "--workers", "2"],
        cwd=out.parent,
        # Nothing answers there: who gives no --ray-address gets a Ray of the command's own.
        env={**os.environ, "PYTHONPATH": str(ROOT), "RAY_ADDRESS": "127.0.0.1:9"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A parent that ignores Ctrl-C, as background jobs of a shell do, must not hand that down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_for(condition, what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what} within {PATIENCE} s"
        time.sleep(0.02)


def workers(out: Path) -> set[int]:
    """Return the process ids of all workers so far, from the tasks' logs."""
    return {int(n) for log in out.glob("logs/*.log") for n in re.findall(r"process (\d+)", log.read_text())}


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def made(out: Path) -> int:
    return len(list(out.glob("images/*/[!.]*.png")))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_ctrl_c_and_a_killed_driver_leave_no_worker_and_a_run_that_goes_on(
    tiny, start, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path / "whole-cache"))
    run_here(Job(prepared(tiny, *SUBJECTS.split(",")), tmp_path / "whole"), Silent())
    monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "run"

    driver = start(tiny, out)
    wait_for(lambda: list(out.glob("logs/*.log")) or driver.poll() is not None, "a task starts")
    assert driver.poll() is None, driver.communicate()
    os.killpg(driver.pid, signal.SIGINT)
    _, err = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 130, err
    assert "interrupted; repeat the same command to resume" in err
    assert open_run(out).record.status == "interrupted"
    wait_for(lambda: not any(map(alive, workers(out))), "the workers end")

    driver = start(tiny, out)
    wait_for(lambda: made(out) or driver.poll() is not None, "an image is made")
    driver.kill()
    driver.communicate()
    wait_for(lambda: not any(map(alive, workers(out))), "the workers end")
    assert open_run(out).record.status == "started"

    driver = start(tiny, out)
    shown, err = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 0, err
    assert "signature dreambench:" in shown
    assert re.search(r"\((\d+) of \1\)", err), err
    assert_same_result(out, tmp_path / "whole")
