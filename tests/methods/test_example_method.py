"""The example package of the docs, installed and run as a user would."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.material import tiny as models
from tests.material.example_packages import count_lines, install
from tests.material.processes import run_commands

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the package with pip and return its folder for ``PYTHONPATH``."""
    return install("example-method", tmp_path_factory.mktemp("site"))


def test_it_is_shorter_than_60_lines() -> None:
    assert count_lines("example-method") < 60


def test_a_method_of_another_package_runs_like_a_built_in_one(installed: Path, tiny, tmp_path: Path) -> None:
    small = ("method.steps=2", "method.class_images=2", "method.class_sampler.steps=1", "sampler.steps=1")
    words = [
        *("run", "--preset", "paper-sd15", "--data", tiny["data"], "--method", "cross-attention"),
        *("--subjects", "dog", "--prompts", "0", "--images-per-prompt", "2", "--metrics", "dino"),
        *(*models.options(tiny), *(word for s in small for word in ("--set", s))),
        *("--out", str(tmp_path / "run"), "--keep-checkpoints"),
    ]
    done = run_commands([words], installed)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "checkpoints" / "dog" / "cross-attention.safetensors").is_file()
    assert len(list((tmp_path / "run" / "images" / "dog").glob("*.png"))) == 2
