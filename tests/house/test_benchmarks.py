"""Every benchmark still starts, and one that compares with a peer still agrees with it."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
SCRIPTS = sorted(file.name for file in FOLDER.glob("*.py"))

#: What ImagenHub's two functions do: both images are embedded for every pair.
PEER = """
import torch.nn.functional as F

def evaluate_dino_score(a, b, model, device):
    a, b = (model.get_embeddings(model.get_transform()(image).unsqueeze(0)) for image in (a, b))
    return F.cosine_similarity(a, b).item()

evaluate_clipi_score = evaluate_dino_score
"""


def run(monkeypatch: pytest.MonkeyPatch, name: str, *words: str) -> int:
    """Run a benchmark in this process and return its exit code."""
    monkeypatch.setattr(sys, "argv", [name, *words])
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])  # as python does for a script
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(FOLDER / name), run_name="__main__")
    return int(ended.value.code or 0)


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_starts_and_says_what_it_measures(name, monkeypatch, capsys):
    assert run(monkeypatch, name, "--help") == 0
    assert "usage: " in capsys.readouterr().out


def test_the_comparison_with_training_scripts_starts(monkeypatch, capsys):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # it sets that, for its whole process
    monkeypatch.setattr(sys, "argv", ["training_scripts", "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("benchmarks.training_scripts", run_name="__main__")
    assert ended.value.code == 0
    assert "usage: python -m benchmarks.training_scripts" in capsys.readouterr().out


def test_scores_agree_with_pairwise_functions(monkeypatch, tmp_path, capsys):
    (tmp_path / "peer.py").write_text(PEER)
    words = ("--images", "2", "--photos", "2", "--rounds", "1")
    run(monkeypatch, "against_imagenhub.py", str(tmp_path / "peer.py"), *words)  # two images miss its bar
    lines = capsys.readouterr().out.splitlines()
    apart = {line.split()[0]: float(line.split()[-2]) for line in lines if line.endswith(" apart")}
    assert apart.keys() == {"dino", "clip_i"}
    assert max(apart.values()) < 1e-6
