"""The example package of the docs, installed and run as a user would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.material import tiny as models

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "example-method"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the package with pip and return its folder for ``PYTHONPATH``."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target)]
    done = subprocess.run([*command, str(EXAMPLE)], capture_output=True, text=True, check=False)
    if done.returncode and "hatchling" in done.stderr:
        pytest.skip("hatchling, which builds the example, cannot be downloaded without a network")
    assert done.returncode == 0, done.stderr
    return target


def test_it_is_shorter_than_60_lines() -> None:
    assert sum(len(file.read_text().splitlines()) for file in EXAMPLE.iterdir()) < 60


def test_a_method_of_another_package_runs_like_a_built_in_one(installed: Path, tiny, tmp_path: Path) -> None:
    import os

    small = ("method.steps=2", "method.class_images=2", "method.class_sampler.steps=1", "sampler.steps=1")
    words = [
        *("run", "--preset", "paper-sd15", "--data", tiny["data"], "--method", "cross-attention"),
        *("--subjects", "dog", "--prompts", "0", "--images-per-prompt", "2", "--metrics", "dino"),
        *(*models.options(tiny), *(word for s in small for word in ("--set", s))),
        *("--out", str(tmp_path / "run"), "--keep-checkpoints"),
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), str(EXAMPLE.parents[1])])}
    command = [sys.executable, "-m", "dreambench", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "checkpoints" / "dog" / "cross-attention.safetensors").is_file()
    assert len(list((tmp_path / "run" / "images" / "dog").glob("*.png"))) == 2
