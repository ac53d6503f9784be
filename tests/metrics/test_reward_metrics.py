"""VQAScore, ImageReward and HPSv3 through their program.

The packages and their weights cannot be installed beside ours, so small modules with the same calls stand in
for them: what is tested is the program, its protocol and its faults, not the packages' numbers.
"""

from __future__ import annotations

import math
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dreambench.errors import DreambenchError
from dreambench.metrics.reward_metrics import PROGRAM
from dreambench.models.weights import missing_weights, with_fingerprints
from dreambench.spec.file_metric import ScoredFile
from dreambench.spec.registries import get_metric
from dreambench.spec.signature import protocol_fields
from tests.metrics.material import Material, score

COMMON = """
import numpy as np, torch
from PIL import Image
print("loading...")  # as the packages do, on stdout
def number(image, caption):
    print("scoring", image)
    return float(np.asarray(Image.open(image).convert("RGB")).mean()) / 255 + len(caption)
"""
#: The calls of t2v-metrics 3.0, image-reward 1.5 and hpsv3 1.0.0 that the program makes.
STAND_INS = {
    "vqascore": (
        "t2v_metrics",
        """
class VQAScore(torch.nn.Module):
    def __init__(self, model, device="cuda", cache_dir=None):
        super().__init__()
        assert model in ("clip-flant5-xxl", "clip-flant5-xl") and device == "cpu", (model, device)
    def forward(self, images=None, texts=None, num_frames=8):
        return torch.tensor([[number(image, text) for text in texts] for image in images])
""",
    ),
    "image_reward": (
        "ImageReward",
        """
class Model:
    def score(self, prompt, image):
        return number(image, prompt)
def load(name="ImageReward-v1.0", device="cpu", download_root=None, med_config=None):
    assert name == "ImageReward-v1.0" and device == "cpu"
    return Model()
""",
    ),
    "hpsv3": (
        "hpsv3",
        """
class HPSv3RewardInferencer:
    def __init__(self, config_path=None, checkpoint_path=None, device="cuda", differentiable=False):
        assert checkpoint_path is None and device == "cpu"
        self.layer = torch.nn.Linear(1, 1)
    def reward(self, image_paths, prompts):
        means = [number(image, prompt) for image, prompt in zip(image_paths, prompts)]
        return torch.tensor([[mean, 7.0] for mean in means]) + 0 * self.layer.weight.sum()
""",
    ),
}


def environment(folder: Path, package: str, code: str) -> Path:
    """Return the interpreter of an environment that has one more package, without dreambench."""
    (folder / "site").mkdir(parents=True)
    (folder / "site" / f"{package}.py").write_text(COMMON + code)
    installed = folder / "site" / f"{package.replace('ImageReward', 'image_reward')}-1.2.3.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(f"Name: {package}\nVersion: 1.2.3\n")
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={folder / "site"} exec {sys.executable} "$@"\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return python


def files(folder: Path) -> list[ScoredFile]:
    found = []
    for i, shade in enumerate((10, 200)):
        Image.new("RGB", (8, 8), (shade, shade, shade)).save(folder / f"{i}.png")
        found.append(ScoredFile(folder / f"{i}.png", "a dog" + " here" * i, (), "dog", f"00-{i}"))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", list(STAND_INS))
def test_it_is_the_packages_number_of_image_and_caption(name, tmp_path):
    metric = get_metric(name)
    python = environment(tmp_path / "own", *STAND_INS[name])
    spec, said = metric.Settings(python=str(python), device="cpu"), []
    found = metric.score_files(files(tmp_path), spec, tmp_path / "kept.json", said.append)
    assert found == pytest.approx([10 / 255 + 5, 200 / 255 + 10], abs=1e-5)
    assert said == []


@pytest.mark.slow
def test_a_score_is_kept_and_asked_for_once(tmp_path):
    metric, kept = get_metric("vqascore"), tmp_path / "kept.json"
    asked = files(tmp_path)
    spec = metric.Settings(python=str(environment(tmp_path / "own", *STAND_INS["vqascore"])), device="cpu")
    first = metric.score_files(asked[:1], spec, kept, print)
    (tmp_path / "own" / "site" / "t2v_metrics.py").write_text("raise SystemExit('not again')")
    assert metric.score_files(asked[:1], spec, kept, print) == first
    said: list[str] = []
    both = metric.score_files(asked, spec, kept, said.append)
    assert both[0] == first[0]
    assert math.isnan(both[1])
    assert len(said) == 1
    assert said[0].endswith("not again; 1 score is missing")


@pytest.mark.slow
def test_a_model_is_loaded_once_for_all_subjects_and_one_program_runs_at_a_time(
    run, material: Material, tiny_models, tmp_path
):
    loads = f"open({str(tmp_path / 'loads')!r}, 'a').write(str(__import__('os').getpid()) + '\\n')\n"
    package, code = STAND_INS["image_reward"]
    python = environment(tmp_path / "own", package, loads + code)
    spec = get_metric("image_reward").Settings(python=str(python), device="cpu")
    protocol = tiny_models.protocol("image_reward").with_encoder_specs({"image_reward": spec})
    score(run, material, protocol, priors={})
    assert run.scores("images")["image_reward"].notna().all()
    (first,) = (tmp_path / "loads").read_text().split()
    assert not alive(int(first))

    programs = [get_metric("image_reward").load_encoder(spec, "cpu") for _ in range(2)]
    asked = [{"image": str(material.cells[0].file), "caption": "a dog"}]
    values = [program.scores(asked, timeout=60) for program in (*programs, programs[1])]
    assert values[0] == values[1] == values[2]
    _, second, third = map(int, (tmp_path / "loads").read_text().split())
    assert not alive(second)
    assert alive(third)
    programs.clear()
    assert not alive(third)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_what_was_scored_before_a_fault_is_kept(tmp_path):
    metric, kept = get_metric("image_reward"), tmp_path / "kept.json"
    fault = "class M:\n  score = lambda self, prompt, image: 1.5 if 'here' not in prompt else 1 / 0\n"
    python = environment(tmp_path / "own", "ImageReward", f"{fault}load = lambda *a, **k: M()")
    spec, said = metric.Settings(python=str(python), device="cpu"), []
    first, second = metric.score_files(files(tmp_path), spec, kept, said.append)
    assert first == 1.5
    assert math.isnan(second)
    (line,) = said
    assert line.endswith("ZeroDivisionError: division by zero; 1 score is missing")
    assert "1.5" in kept.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "raise RuntimeError('ffmpeg is required\\nvisit its page')",
            "RuntimeError: ffmpeg is required visit",
        ),
        ("def load(name, device): return 1", "AttributeError"),
        ("import os; os.kill(os.getpid(), 9)", "exit code -9"),
        ("import time; time.sleep(60)", "no answer within 2 seconds"),
        ("class M:\n  score = lambda *a: float('nan')\nload = lambda *a, **k: M()", "0.png is nan"),
    ],
)
def test_a_fault_of_the_package_is_one_line_and_missing_scores(tmp_path, code, message):
    metric, kept = get_metric("image_reward"), tmp_path / "kept.json"
    timeout = 2 if "sleep" in code else 60
    python = environment(tmp_path / "own", "ImageReward", code)
    spec, said = metric.Settings(python=str(python), device="cpu", timeout=timeout), []
    values = metric.score_files(files(tmp_path), spec, kept, said.append)
    assert all(map(math.isnan, values))
    assert len(said) == 1
    assert message in said[0]
    assert said[0].startswith("image_reward: ")
    assert said[0].endswith("; 2 scores are missing")
    assert "\n" not in said[0]
    assert not kept.exists()


@pytest.mark.parametrize(
    ("python", "message"),
    [
        ("", r"protocol\.encoders\.hpsv3\.python names no interpreter.*hpsv3 into its own environment"),
        ("/nowhere/python", r"hpsv3\.python=/nowhere/python: .*no such file"),
        (sys.executable, r"hpsv3 is not installed: .* -m pip install hpsv3"),
    ],
)
def test_without_the_package_it_is_said_before_anything_is_computed(tiny_models, python, message):
    spec = get_metric("hpsv3").Settings(python=python)
    protocol = tiny_models.protocol("dino", "hpsv3").with_encoder_specs({"hpsv3": spec})
    with pytest.raises(DreambenchError, match=message):
        with_fingerprints(protocol)
    assert len(missing_weights(protocol)) == 1


def test_help_needs_no_package():
    command = [sys.executable, "-I", "-S", str(PROGRAM), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    assert "vqascore" in done.stdout


@pytest.mark.slow
def test_the_program_speaks_the_protocol_of_any_command(run, material: Material, tiny_models, tmp_path):
    """The same file under `command`, beside a metric of its own."""
    python = environment(tmp_path / "own", *STAND_INS["vqascore"])
    words = (str(python), str(PROGRAM), "vqascore", "--model", "clip-flant5-xl", "--device", "cpu")
    protocol = tiny_models.protocol("vqascore", "command")
    settings = {
        "command": get_metric("command").Settings(command=words),
        "vqascore": get_metric("vqascore").Settings(python=str(python), device="cpu"),
    }
    protocol = protocol.with_encoder_specs(settings)
    score(run, material, protocol, priors={})
    images = run.scores("images")
    expected = [
        float(np.asarray(Image.open(cell.file)).mean()) / 255 + len(cell.caption) for cell in material.cells
    ]
    assert images["vqascore"].tolist() == pytest.approx(expected, abs=1e-5)
    assert images["command"].tolist() == images["vqascore"].tolist()
    assert protocol_fields(protocol)["vqascore"] == "t2v-metrics/clip-flant5-xxl"
    found = with_fingerprints(protocol.with_metrics(["vqascore"]))
    assert protocol_fields(found)["vqascore"] == "t2v-metrics-1.2.3/clip-flant5-xxl"


def test_the_program_runs_on_old_pythons():
    """Its environments have Pythons from 3.8: no syntax that is newer."""
    import ast

    ast.parse(PROGRAM.read_text(), feature_version=(3, 8))
    assert os.access(PROGRAM, os.R_OK)
