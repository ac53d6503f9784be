"""A call leaves the process as it was: variables, warnings, log levels, torch's switches, random numbers."""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

from dreambench.models import device
from dreambench.models.device import resolve_runtime
from dreambench.spec.process import at_the_end, process_kept, quiet_libraries, set_variable
from dreambench.spec.run_spec import RuntimeSpec

SCRIPT = """
import logging, os, random, sys, tempfile, warnings
import matplotlib, numpy, torch
if {before}:
    import diffusers, transformers

def state():
    cuda, cudnn = torch.backends.cuda, torch.backends.cudnn
    found = {{
        "variables": {{k: v for k, v in os.environ.items() if k != "TORCHINDUCTOR_CACHE_DIR"}},  # torch's own
        "filters": [each for each in warnings.filters if "transformers" in str(each)],
        "kept filters": [each for each in warnings.filters if each in FILTERS],
        "root": (logging.root.level, list(logging.root.handlers)),
        "random": random.getstate(),
        "numpy": repr(numpy.random.get_state()),
        "torch": torch.get_rng_state().tolist(),
        "dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
        "deterministic": torch.get_deterministic_debug_mode(),
        "attention": (cuda.flash_sdp_enabled(), cuda.mem_efficient_sdp_enabled(), cuda.cudnn_sdp_enabled()),
        "cudnn": (cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32),
        "matmul": torch.get_float32_matmul_precision(),
        "matplotlib": dict(matplotlib.rcParams),
        "folder": os.getcwd(),
    }}
    for name in ("diffusers", "transformers"):
        level, bars = logging.WARNING, True
        if name in sys.modules:
            log = sys.modules[name].utils.logging
            level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
        found[name] = level, bars
    return found

FILTERS = list(warnings.filters)
random.seed(1)
before = state()

def check(call):
    after = state()
    wrong = [name for name in before if before[name] != after[name]]
    if wrong:
        sys.exit(f"{{call}}: " + "; ".join(f"{{n}}: {{before[n]}} -> {{after[n]}}"[:500] for n in wrong))

import dreambench
from dreambench.paths import data_folder
check("import")
top = tempfile.mkdtemp()
photos = sorted((data_folder() / "mini" / "photos" / "dog").glob("*.png"))
from PIL import Image
images = {{"dog": {{0: [Image.open(photo) for photo in photos[:2]]}}}}
asked = {{"subjects": ["dog"], "prompts": "0", "device": "cpu"}}
scores = dreambench.score(images, "mini", images_per_prompt=2, out=top + "/s", **asked)
check("score")
dreambench.report(scores, out=top + "/r")
check("report")
scorer = dreambench.Scorer(photos[:3], "dog", protocol="mini", device="cpu")
scorer.update(photos[3:5], "a photo of a {{}}")
scorer.compute()
check("Scorer")
few = {{"method.steps": 1, "method.prior_preservation": False, "sampler.steps": 1}}
few["runtime.deterministic"] = True
dreambench.run("mini", images_per_prompt=1, metrics=["dino"], out=top + "/run", overrides=few, **asked)
check("run")
"""


@pytest.mark.slow
@pytest.mark.parametrize("before", [False, True])
def test_the_front_door_leaves_the_process_as_it_was(before: bool, tmp_path: Path) -> None:
    ours = ("TRANSFORMERS_", "DIFFUSERS_", "TOKENIZERS_", "HF_HUB_DISABLE", "CUBLAS_", "TORCHINDUCTOR_")
    variables = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(before=before)],
        env={**variables, "PYTHONPATH": root, "DREAMBENCH_CACHE": str(tmp_path / "cache")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_changes_are_undone_the_last_first_also_after_an_error() -> None:
    undone: list[int] = []

    @process_kept()
    def call() -> None:
        for number in (1, 2):
            at_the_end(lambda number=number: undone.append(number))
        random.random()
        raise ValueError("whatever")

    drawn = random.getstate()
    with pytest.raises(ValueError, match="whatever"):
        call()
    assert undone == [2, 1]
    assert random.getstate() == drawn


def test_a_variable_of_the_users_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMBENCH_TEST_A", "mine")
    for name in "BC":
        monkeypatch.delenv(f"DREAMBENCH_TEST_{name}", raising=False)
    with process_kept():
        assert not set_variable("DREAMBENCH_TEST_A", "ours")
        assert set_variable("DREAMBENCH_TEST_B", "ours")
        assert set_variable("DREAMBENCH_TEST_C", "ours")
        assert os.environ["DREAMBENCH_TEST_B"] == "ours"
        os.environ["DREAMBENCH_TEST_C"] = "somebody's"
    kept = [os.environ.get(f"DREAMBENCH_TEST_{name}") for name in "ABC"]
    assert kept == ["mine", None, "somebody's"]
    monkeypatch.delenv("DREAMBENCH_TEST_C")


def test_libraries_are_quiet_in_the_call_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRANSFORMERS_VERBOSITY", "DIFFUSERS_VERBOSITY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "diffusers", sys)
    monkeypatch.setitem(sys.modules, "transformers", sys)
    loggers = [logging.getLogger(name) for name in ("diffusers", "transformers")]
    usual, chosen = loggers
    levels = [logger.level for logger in loggers]
    usual.setLevel(logging.WARNING)
    chosen.setLevel(logging.INFO)
    before = list(warnings.filters)
    try:
        with process_kept():
            quiet_libraries()
            with process_kept():
                quiet_libraries()
            assert (usual.level, chosen.level) == (logging.ERROR, logging.INFO)
            assert any("transformers" in str(each) for each in warnings.filters)
            warnings.filterwarnings("ignore", message="a library's own")
        assert (usual.level, chosen.level) == (logging.WARNING, logging.INFO)
        left = [each for each in warnings.filters if each not in before]
        assert ["a library's own" in str(each) for each in left] == [True]
    finally:
        warnings.filters[:] = before
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def test_torchs_switches_last_for_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "chosen_device", torch.device)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    cuda, cudnn = torch.backends.cuda, torch.backends.cudnn

    def switches() -> list[object]:
        attention = [cuda.mem_efficient_sdp_enabled(), cuda.cudnn_sdp_enabled()]
        return [*attention, cudnn.benchmark, torch.get_deterministic_debug_mode()]

    at_first = switches()
    cuda.enable_cudnn_sdp(True)
    cudnn.benchmark = True
    try:
        before = switches()
        with process_kept():
            for _ in range(2):
                resolve_runtime(RuntimeSpec(device="cuda", deterministic=True))
            assert switches() == [False, False, False, 1]
            assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
        assert switches() == before
        assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    finally:
        cuda.enable_cudnn_sdp(at_first[1])
        cudnn.benchmark = at_first[2]


def test_a_training_loops_attention_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Scorer needs the device alone; on a GPU it once turned cuDNN's attention off for the process."""
    from PIL import Image

    from dreambench.metrics import scorer

    monkeypatch.setattr(device, "chosen_device", torch.device)
    monkeypatch.setattr(scorer, "chosen_device", torch.device)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    before = torch.backends.cuda.cudnn_sdp_enabled()
    torch.backends.cuda.enable_cudnn_sdp(True)
    try:
        scorer.Scorer([Image.new("RGB", (64, 64))], "dog", protocol="mini", device="cuda")
        assert torch.backends.cuda.cudnn_sdp_enabled()
    finally:
        torch.backends.cuda.enable_cudnn_sdp(before)
