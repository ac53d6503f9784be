"""The benchmark of a GPU runs to its end; figures are not asserted, what is right or wrong is."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import torch

from tests.material.processes import run_script

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def benchmark(*words: str) -> subprocess.CompletedProcess[str]:
    script = "import runpy; runpy.run_module('benchmarks.gpu', run_name='__main__', alter_sys=True)"
    return run_script(script, *words, cwd=ROOT)


def test_every_section_runs_on_tiny_models_and_finds_the_device_right(tmp_path):
    done = benchmark("--out", str(tmp_path), "--device", "cpu", "--tiny")
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "gpu.json").read_text())
    rows = {row["what"]: row for row in content["rows"]}
    assert not [row for row in rows.values() if row["value"] == "failed"]
    assert sum(row["met"] is True for row in rows.values()) == 10
    speeds = [float(row["value"]) for what, row in rows.items() if what.endswith("a second")]
    assert len(speeds) == 11
    assert min(speeds) > 0
    resumed = next(row for what, row in rows.items() if "killed" in what)
    assert any(f"killed at {count} of 16" in resumed["beside"] for count in (4, 8, 12))
    table = (tmp_path / "gpu.md").read_text()
    assert table == done.stdout
    assert all(f"| {what} |" in table for what in rows)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_it_says_so(tmp_path):
    done = benchmark("--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "runtime.device=cuda is not on this machine" in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_unknown_section_is_refused(tmp_path):
    done = benchmark("--out", str(tmp_path), "--only", "training,speed")
    assert done.returncode == 2
    assert "no section speed" in done.stderr
