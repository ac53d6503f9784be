"""The zero-shot example of the docs, installed and run as a user would."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.material import tiny as models
from tests.material.example_packages import count_lines, install
from tests.material.processes import run_commands

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the package with pip and return its folder for ``PYTHONPATH``."""
    return install("example-zero-shot", tmp_path_factory.mktemp("site"))


def test_it_is_short() -> None:
    assert count_lines("example-zero-shot") < 90


def test_a_photo_guides_the_images_and_is_left_out_of_the_second_score(installed, tiny, tmp_path) -> None:
    common = [
        *("run", "--preset", "paper-sd15", "--data", tiny["data"], "--subjects", "dog", "--prompts", "0"),
        *("--images-per-prompt", "2", "--metrics", "dino", *models.options(tiny), "--set", "sampler.steps=4"),
    ]
    own = ["--method", "low-frequency", "--set", "training_photos=1", "--set", "method.side=4"]
    folders = [tmp_path / name for name in ("shown", "never", "plain")]
    asked = [own, [*own, "--set", "method.until=0"], ["--method", "pretrained"]]
    pairs = zip(asked, folders, strict=True)
    done = run_commands([[*common, *words, "--out", str(folder)] for words, folder in pairs], installed)
    assert done.returncode == 0, done.stderr

    images = [
        [file.read_bytes() for file in sorted((made / "images" / "dog").glob("*.png"))] for made in folders
    ]
    assert [len(each) for each in images] == [2, 2, 2]
    assert images[1] == images[2]  # shown in no step, it is the base model
    assert not set(images[0]) & set(images[2])
    all_photos, left_out = (
        pd.read_parquet(folders[0] / "scores" / folder / "images.parquet")["dino"]
        for folder in ("", "input-left-out")
    )
    assert left_out.notna().all()
    assert left_out.tolist() != all_photos.tolist()
