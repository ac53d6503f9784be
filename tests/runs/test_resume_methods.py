"""Killed inside Textual Inversion, LoRA or an ablation, the same command goes on to the same result."""

from __future__ import annotations

import random
from pathlib import Path

import pandas as pd
import pytest

from dreambench.store import open_run
from tests.material import tiny as models
from tests.material.faults import Runner

pytestmark = pytest.mark.slow

KILLS = 4
SMALL = ("method.steps=3", "sampler.steps=2", "runtime.generation_batch_size=3")
CLASS_IMAGES = ("method.class_images=2", "method.class_sampler.steps=1")
COMMANDS = {
    "textual-inversion": ("run", "--method", "textual-inversion", "--subjects", "dog,vase"),
    "dreambooth-lora": ("run", "--method", "dreambooth-lora", "--subjects", "dog,vase"),
    "ablation": ("ablate", "class-noun", "--subjects", "dog,vase"),
}


def words(name: str, tiny: dict[str, str], out: Path) -> list[str]:
    chosen = SMALL if name == "textual-inversion" else (*SMALL, *CLASS_IMAGES)
    sets = [word for s in chosen for word in ("--set", s)]
    asked = ("--prompts", "0,1", "--images-per-prompt", "2", "--metrics", "dino,clip_t")
    common = ("--preset", "paper-sd15", "--data", tiny["data"], *asked, "--out", str(out))
    return [*COMMANDS[name], *common, *models.options(tiny), *sets]


def runs(folder: Path) -> list[Path]:
    return sorted(file.parent for file in folder.rglob("run.json"))


@pytest.mark.parametrize("name", list(COMMANDS))
def test_killed_at_random_instants_the_result_is_the_uninterrupted_one(
    name: str, tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, dice = Runner(tmp_path), random.Random(name)
    monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path / "whole" / "cache"))
    assert runner.run(words(name, tiny, tmp_path / "whole" / "out"), [tmp_path / "whole"]) == 0, runner.log
    changes = runner.changes
    monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path / "killed" / "cache"))
    command = words(name, tiny, tmp_path / "killed" / "out")
    for _ in range(KILLS):
        runner.run(command, [tmp_path / "killed"], kill_at=dice.randint(1, changes // KILLS))
    assert runner.run(command, [tmp_path / "killed"]) == 0, runner.log
    ours, theirs = runs(tmp_path / "killed" / "out"), runs(tmp_path / "whole" / "out")
    assert [run.name for run in ours] == [run.name for run in theirs] != []
    for one, other in zip(ours, theirs, strict=True):
        assert open_run(one).record.status == "complete"
        pd.testing.assert_frame_equal(open_run(one).scores("images"), open_run(other).scores("images"))
        for image in other.glob("images/*/*.png"):
            assert (one / image.relative_to(other)).read_bytes() == image.read_bytes()
        for log in other.glob("logs/*.csv"):
            assert (one / "logs" / log.name).read_bytes() == log.read_bytes()
