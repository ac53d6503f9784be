"""The miniature's scores against the committed baselines, and four planted defects that must not pass.

The run is real: four subjects are fine-tuned from the shipped weights, drawn and scored.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from torchvision import transforms

from dreambench.cli import main
from dreambench.models.encoders import dino_encoder as dino
from dreambench.runs import requests as cells
from dreambench.runs import subject_images
from dreambench.store.scratch_folder import write_scratch_folder
from tests.material.watched_runs import PICTURES, RUNS, draw_pictures, run_command, score_command

pytestmark = pytest.mark.slow

# A defect in one subject's images is enough; the other three are those of the unchanged run.
SUBJECT = "dog"
#: PRES of this one without a prior term is 16 standard deviations of the baseline away, the dog's is 6.
FORGETFUL = "teapot"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def call(words: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        main(words)
    return int(end.value.code or 0)


@pytest.fixture(scope="module")
def fresh(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh run of the subset, of a seed that the baseline has not seen, with its models."""
    folder = tmp_path_factory.mktemp("regression") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DREAMBENCH_CACHE", str(cache))
        assert call(run_command(8, folder, "--keep-checkpoints")) == 0
    return folder


def moved(run: Path, capsys: pytest.CaptureFixture[str], baseline: Path = RUNS) -> tuple[int, set[str]]:
    """Return the check's exit code and the metrics that moved."""
    capsys.readouterr()
    code = call(["check", str(run), "--baseline", str(baseline), "--json"])
    shown = json.loads(capsys.readouterr().out)
    return code, {c["metric"] for c in shown["comparisons"] if c["moved"]}


def test_unchanged_code_passes(fresh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert moved(fresh, capsys) == (0, set())


@pytest.fixture
def again(fresh: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Make the run again with a defect in place; ``without`` names what must be made again of a subject."""
    monkeypatch.setenv("DREAMBENCH_CACHE", str(cache))

    def made(*without: str, subject: str = SUBJECT) -> Path:
        copy = tmp_path / "run"
        shutil.copytree(fresh, copy)
        for name in ("scores", "report"):  # an image that is made again has an embedding of its own
            shutil.rmtree(copy / name, ignore_errors=True)
        for made in (path for name in without for path in (copy / name).glob(f"{subject}*")):
            shutil.rmtree(made) if made.is_dir() else made.unlink()
        if "checkpoints" not in without:  # its images are drawn from these weights: it is not trained again
            kept = copy / "checkpoints" / subject
            fill = partial(shutil.copytree, kept, dirs_exist_ok=True)
            write_scratch_folder(copy / "work" / subject, fill)
        assert call(run_command(8, copy)) == 0
        return copy

    return made


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture
def scored(cache: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Score the drawn pictures."""
    monkeypatch.setenv("DREAMBENCH_CACHE", str(cache))

    def made() -> Path:
        assert call(score_command(pictures, tmp_path / "scores")) == 0
        return tmp_path / "scores"

    return made


def test_unchanged_scores_of_the_same_pictures_pass(scored, capsys) -> None:
    assert moved(scored(), capsys, PICTURES) == (0, set())


def test_a_wrong_crop_fails(scored, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = transforms.Resize
    monkeypatch.setattr(dino.transforms, "Resize", lambda size, **options: plain(size * 9 // 8, **options))
    assert moved(scored(), capsys, PICTURES) == (1, {"dino"})


def test_a_wrong_caption_form_fails(scored, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    """CLIP-T against a caption with an identifier in it."""

    def with_identifier(prompt: Any, subject: Any, spec: Any, identifier: str | None) -> str:
        return str(prompt.text(subject.class_noun, identifier or "mwf"))

    monkeypatch.setattr(cells, "clip_caption", with_identifier)
    assert moved(scored(), capsys, PICTURES) == (1, {"clip_t"})


def test_prompts_off_by_one_fail(again, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each image is drawn for the prompt before its own."""
    ours = cells.image_requests

    def shifted(asked: Any) -> Any:
        requests = ours(asked)
        prompts = [request.prompt for request in requests]
        turned = prompts[-2:] + prompts[:-2]
        return [dataclasses.replace(r, prompt=p) for r, p in zip(requests, turned, strict=True)]

    monkeypatch.setattr(subject_images, "image_requests", shifted)
    code, metrics = moved(again("images", "subjects"), capsys)
    assert code == 1
    assert "clip_t" in metrics


def test_a_prior_term_that_weighs_nothing_fails(again, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    from dreambench.methods.finetune import denoiser

    ours = denoiser.FineTuneOptions.__getattribute__

    def blind(self: Any, name: str) -> Any:
        return 0.0 if name == "prior_preservation_weight" else ours(self, name)

    monkeypatch.setattr(denoiser.FineTuneOptions, "__getattribute__", blind)
    code, metrics = moved(again("images", "subjects", "checkpoints", "logs", subject=FORGETFUL), capsys)
    assert code == 1
    assert "pres" in metrics
