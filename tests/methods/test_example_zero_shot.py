"""The zero-shot example of the docs, installed and run as a user would."""

from __future__ import annotations

import json
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


def run_all(installed: Path, runs: list[list[str]]) -> None:
    """Run some command lines in one process, whose imports take most of the time."""
    code = """import json, sys
from dreambench.cli import main
for words in json.loads(sys.argv[1]):
    try:
        main(words)
    except SystemExit as end:
        if end.code:
            raise
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), str(DOCS.parent)])}
    command = [sys.executable, "-c", code, json.dumps(runs)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


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
    run_all(installed, [[*common, *words, "--out", str(folder)] for words, folder in pairs])

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
