"""Ray is an extra: without it everything else works, and whoever asks for it is told what to install."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dreambench.cli import main
from dreambench.store import open_run
from tests.executors.material import words
from tests.material.processes import run_commands

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
#: Importing ray fails, as it does where it is not installed.
HIDDEN = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "ray":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
"""


def without_ray(*commands: list[str], cwd: Path) -> subprocess.CompletedProcess:
    """Run commands one after the other in a process without Ray, which ends with the first that fails."""
    return run_commands(commands, before=HIDDEN, cwd=cwd)


def test_it_says_what_to_install_and_writes_nothing(tiny, tmp_path) -> None:
    done = without_ray([*words(tiny, "dog", tmp_path / "run"), "--executor", "ray"], cwd=tmp_path)
    line = "dreambench: --executor ray needs Ray; pip install 'dreambench[ray]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)
    assert not (tmp_path / "run").exists()


def test_the_local_executor_and_the_plan_do_without_it(tiny, tmp_path) -> None:
    plan = ["plan", *words(tiny, "dog,vase", tmp_path / "x")[1:-2], "--executor", "ray", "--workers", "2"]
    done = without_ray(words(tiny, "dog", tmp_path / "run"), plan, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert open_run(tmp_path / "run").record.status == "complete"
    assert "missing         nothing" in done.stdout


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--executor", "slurm"], "--executor slurm is unknown; give local or ray"),
        (["--workers", "2"], "--workers is for --executor ray; give both, or neither"),
        (["--ray-address", "auto"], "--ray-address is for --executor ray"),
    ],
)
def test_options_that_contradict_each_other_are_refused(given, told, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["run", "--preset", "mini", *given])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_several_seeds_are_several_runs_in_one_folder(tiny, tmp_path, capsys) -> None:
    command = [*words(tiny, "dog", tmp_path / "runs"), "--prompts", "0", "--seed", "0", "--seed", "1"]
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 0
    runs = sorted(file.parent for file in (tmp_path / "runs").glob("*/run.json"))
    assert sorted(open_run(run).record.spec.seed for run in runs) == [0, 1]
    assert len(runs) == 2
    assert {open_run(run).record.status for run in runs} == {"complete"}
