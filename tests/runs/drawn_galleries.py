"""A run of tiny models that kept its checkpoints, a gallery of it, and how tests call the commands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dreambench.cli import main
from tests.material import tiny as models

MINE = """\
title: Mine <b>
source: me
groups:
  - title: Everybody
    prompts:
      - a {identifier} {class_noun}, on the moon
      - "{identifier} {class_noun} <script>alert(1)</script>"
  - title: Pets
    suits: [live]
    prompts: ["a cross of a {identifier} {class_noun} and a bear"]
"""
SMALL = ("method.steps=3", "method.class_images=2", "method.class_sampler.steps=1", "sampler.steps=2")


def run_words(tiny: dict[str, str], out: Path, *more: str, small: tuple[str, ...] = SMALL) -> list[str]:
    sets = [word for s in (*small, "runtime.generation_batch_size=3") for word in ("--set", s)]
    return [
        *("run", "--preset", "paper-sd15", "--data", tiny["data"], "--subjects", "dog,vase"),
        *("--prompts", "0", "--images-per-prompt", "2", "--metrics", "dino"),
        *(*models.options(tiny), *sets, "--out", str(out), *more),
    ]


def call(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return int(end.value.code or 0)


@pytest.fixture(scope="module")
def top(tiny, tmp_path_factory) -> Path:
    """A folder with a run that kept its checkpoints, a gallery of it, and the cache of class images."""
    top = tmp_path_factory.mktemp("gallery")
    (top / "mine.yaml").write_text(MINE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DREAMBENCH_CACHE", str(top / "cache"))
        assert call(*run_words(tiny, top / "run", "--keep-checkpoints")) == 0
        assert call("gallery", top / "run", "--prompts", top / "mine.yaml", "--out", top / "whole") == 0
    return top


@pytest.fixture(autouse=True)
def _cache(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMBENCH_CACHE", str(top / "cache"))


@pytest.fixture
def run(top: Path, tmp_path: Path) -> Path:
    """A run of which no checkpoint was kept."""
    shutil.copytree(top / "run", tmp_path / "run", ignore=shutil.ignore_patterns("checkpoints"))
    return tmp_path / "run"


def files(folder: Path) -> dict[str, bytes]:
    found = [p for kind in ("images", "sheets") for p in (folder / kind).rglob("*.png")]
    return {str(p.relative_to(folder)): p.read_bytes() for p in found} | {
        "index.html": (folder / "index.html").read_bytes()
    }
