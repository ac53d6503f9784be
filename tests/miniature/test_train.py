"""Training at toy size: a stage that is killed goes on, and wrong commands are one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from dreambench.errors import DreambenchError
from miniature.train import __main__ as command
from miniature.train.stage import TrainingSession, averaged_weights, checkpoint_file
from miniature.train.training_session import Loop
from tests.miniature.conftest import KINDS, QUIET, train_session

pytestmark = pytest.mark.slow


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("stage", list(KINDS))
def test_a_stage_that_is_killed_ends_with_the_same_weights(
    stage: str, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for needed in ("vae", "text"):  # what the later stages start from
        if needed != stage:
            (tmp_path / needed).mkdir()
            checkpoint_file(tmp_path, needed).write_bytes(checkpoint_file(work, needed).read_bytes())
    whole = KINDS[stage].loss

    def killed(self: Any, step: int) -> Any:
        if step == 3:
            raise MemoryError
        return whole(self, step)

    assert train_session(tmp_path, stage, stop=1).step == 1
    monkeypatch.setattr(KINDS[stage], "loss", killed)
    with pytest.raises(MemoryError):
        train_session(tmp_path, stage, checkpoint_seconds=0)
    monkeypatch.undo()
    assert train_session(tmp_path, stage, stop=0).step == 3
    assert train_session(tmp_path, stage).step == 4
    assert same(load_file(checkpoint_file(work, stage)), load_file(checkpoint_file(tmp_path, stage)))


def test_a_stage_leaves_losses_samples_and_a_readable_mistake(work: Path) -> None:
    rows = (work / "unet" / "losses.csv").read_text().splitlines()
    assert rows[0] == "step,name,value"
    assert [row for row in rows if row.startswith("4,mse,")]
    assert (work / "unet" / "samples" / "000004.png").is_file()
    with pytest.raises(DreambenchError, match="trained with seed 0"):
        train_session(work, "vae", seed=1)


@pytest.mark.usefixtures("muon")
def test_a_unet_without_an_autoencoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DreambenchError, match="run the stage `vae` first"):
        train_session(tmp_path, "unet")


def test_exported_weights_start_a_new_work_folder(exported: Path, work: Path, tmp_path: Path) -> None:
    for stage in KINDS:
        if stage == "judge":
            continue
        loop = Loop(KINDS[stage](TrainingSession(tmp_path, source=exported, toy=True)), QUIET)
        loop.run()
    mean, weights = averaged_weights(work, "dino"), load_file(exported / "encoders" / "dino.safetensors")
    assert mean is not None
    assert all(torch.equal(weights[name], mean[name].half()) for name in mean)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["painter"], "unknown stage 'painter'"),
        (["vae", "text", "--steps", "5"], "--steps"),
        (["vae", "--from", "nowhere"], "holds no pipeline"),
        (["export", "--work", "nowhere"], "run the stage `unet` first"),
    ],
)
def test_wrong_commands_end_with_one_line(
    words: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command.main([*words, "--out", str(tmp_path)] if "export" in words else words) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
