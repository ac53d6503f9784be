"""``dreambench verify``: the miniature's photos against each other, with the shipped encoders, for real."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from torchvision import transforms

from dreambench.cli import main
from dreambench.errors import DreambenchError
from dreambench.models.encoders import dino_encoder
from dreambench.paths import data_folder
from dreambench.runs.verify import verify


def _run(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["verify", *words])
    return int(end.value.code or 0)


def test_this_installation_scores_the_photos_as_it_was_shipped(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--preset", "mini", "--device", "cpu", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["photos"], found["subjects"]) == (True, 158, 30)
    scores = {metric["metric"]: metric["score"] for metric in found["metrics"]}
    assert scores == pytest.approx({"dino": 0.90706, "clip_i": 0.89077}, abs=5e-5)


def test_a_wrong_crop_is_exit_code_1_and_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = transforms.Resize
    monkeypatch.setattr(
        dino_encoder.transforms, "Resize", lambda size, **options: plain(size * 9 // 8, **options)
    )
    assert _run("--preset", "mini", "--device", "cpu") == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.rstrip().endswith("off")] == ["DINO"]
    assert "do not trust the scores of this installation" in " ".join(lines)


def test_metrics_that_were_left_out_are_not_compared() -> None:
    found = verify("mini", metrics="dino", device="cpu")
    assert ([metric.metric for metric in found.metrics], found.ok) == (["dino"], True)
    with pytest.raises(DreambenchError, match=r"no metric with a known number \(dino, clip_i\)"):
        verify("mini", metrics="clip_t", device="cpu")


def test_photos_that_no_known_number_is_of_are_refused() -> None:
    with pytest.raises(DreambenchError, match="there are no known numbers for these photos"):
        verify("paper-sd15", data=data_folder() / "mini" / "photos", device="cpu")


def test_missing_weights_are_named_with_what_to_download(
    official: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert _run("--data", str(official), "--device", "cpu") == 2
    assert "hf download timm/vit_small_patch16_224.dino" in capsys.readouterr().err
