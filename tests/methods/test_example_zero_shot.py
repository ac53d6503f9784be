"""The zero-shot example of the docs, installed and run as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.material import tiny as models
from tests.material.example_packages import DOCS, count_lines, install

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the package with pip and return its folder for ``PYTHONPATH``."""
    return install("example-zero-shot", tmp_path_factory.mktemp("site"))


def run(installed: Path, tiny: dict[str, str], out: Path, *words: str) -> Path:
    command = [
        *(sys.executable, "-m", "dreambench", "run", "--preset", "paper-sd15", "--data", tiny["data"]),
        *("--subjects", "dog", "--prompts", "0", "--images-per-prompt", "2", "--metrics", "dino"),
        *(*models.options(tiny), "--set", "sampler.steps=4", *words, "--out", str(out)),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), str(DOCS.parent)])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


def test_it_is_short() -> None:
    assert count_lines("example-zero-shot") < 90


def test_a_photo_guides_the_images_and_is_left_out_of_the_second_score(installed, tiny, tmp_path) -> None:
    own = ("--method", "low-frequency", "--set", "training_photos=1", "--set", "method.side=4")
    shown = run(installed, tiny, tmp_path / "shown", *own)
    never = run(installed, tiny, tmp_path / "never", *own, "--set", "method.until=0")
    plain = run(installed, tiny, tmp_path / "plain", "--method", "pretrained")

    images = [
        [file.read_bytes() for file in sorted((made / "images" / "dog").glob("*.png"))]
        for made in (shown, never, plain)
    ]
    assert [len(each) for each in images] == [2, 2, 2]
    assert images[1] == images[2]
    assert not set(images[0]) & set(images[2])
    all_photos, left_out = (
        pd.read_parquet(shown / "scores" / folder / "images.parquet")["dino"]
        for folder in ("", "input-left-out")
    )
    assert left_out.notna().all()
    assert left_out.tolist() != all_photos.tolist()
