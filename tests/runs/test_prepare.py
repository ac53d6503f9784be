"""What a run refuses before it does anything."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import huggingface_hub
import pytest

from dreambench.errors import DreambenchError, NotHereError
from dreambench.executors import ExecutorOptions
from dreambench.runs.prepare import SAFETY_NOTE, prepare, prepare_all, start_record
from dreambench.runs.run import notices_before, work
from dreambench.spec.presets import build_spec
from dreambench.spec.run_spec import RunSpec
from dreambench.store import RunFolder
from tests.executors.material import Silent
from tests.material.tiny_families import build_family

#: A cluster's workers may have what this machine lacks; a Ray of this machine's own has not.
ELSEWHERE, HERE = ExecutorOptions("ray", "head:6379"), ExecutorOptions("ray")
HERE_ALONE = ExecutorOptions()


def _lora(tiny: dict[str, str], *changes: str, base: str | None = None) -> RunSpec:
    encoders = [f"{name}={value}" for name, value in tiny.items() if name.startswith("protocol.")]
    fields = {
        "method": "dreambooth-lora",
        "subjects": ("dog",),
        "base.model": base or tiny["base"],
        "data.folder": tiny["data"],
        "image_size": 64,
    }
    return build_spec("paper-sd15", fields, [*encoders, "runtime.device=cpu", *changes])


@pytest.mark.parametrize("method", ["textual-inversion", "pretrained", "dreambooth"])
def test_captions_with_a_learned_word_are_refused(method: str, tiny: dict[str, str]) -> None:
    """CLIP does not know the word that Textual Inversion learned; the others' captions have known words."""
    settings = {name: value for name, value in tiny.items() if name not in ("base", "data")}
    fields = {
        "method": method,
        "subjects": ("dog",),
        "base.model": tiny["base"],
        "data.folder": tiny["data"],
        "protocol.caption": "identifier",
        **settings,
    }
    spec = build_spec("paper-sd15", fields)
    if method == "textual-inversion":
        with pytest.raises(DreambenchError, match=r"images with <.*textual-inversion learned"):
            prepare(spec)
    else:
        assert prepare(spec).identifier


def test_a_metric_without_pairs_is_named_before_the_run(tiny: dict[str, str]) -> None:
    lines = notices_before(prepare(_lora(tiny, "images_per_prompt=1")))
    assert [line for line in lines if line.startswith("DIV stays blank: ")]
    lines = notices_before(prepare(_lora(tiny, "images_per_prompt=2")))
    assert not [line for line in lines if "DIV" in line]


def test_weights_that_cannot_be_downloaded_end_a_run_before_it_starts(tiny, tmp_path, monkeypatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    spec = _lora(tiny, "protocol.clip={model: ViT-L-14, weights: openai}", "prompts='0'", "method.steps=2")
    runs = [(prepare(spec), tmp_path / "run")]
    with pytest.raises(DreambenchError, match=r"protocol\.clip\.weights: .* could not be downloaded"):
        work(runs, HERE_ALONE, Silent())
    assert not (tmp_path / "run").exists()
    RunFolder(tmp_path / "run", start_record(runs[0][0], "run", [])).save_record("started")
    monkeypatch.setattr("dreambench.runs.runner.run_all", lambda *arguments: ([], []))
    assert work(runs, HERE_ALONE, Silent()) == []  # a run that was begun goes on as far as it can


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ("runtime.device=cuda:63", "runtime.device=cuda:63 is not on this machine"),
        ("runtime.precision=fp16", "runtime.precision=fp16 does not work on the CPU"),
        ("method.optimizer=adamw8bit", "method.optimizer=adamw8bit needs a CUDA device"),
    ],
)
def test_what_this_machine_lacks_is_left_to_workers_elsewhere(tiny, change: str, lacks: str) -> None:
    spec = _lora(tiny, change)
    (prepared,) = prepare_all([spec], ELSEWHERE)
    assert (prepared.spec.runtime, prepared.spec.method) == (spec.runtime, spec.method)
    with pytest.raises(NotHereError, match=lacks):
        prepare_all([spec], HERE)


def test_a_quantizer_that_this_machine_lacks_is_left_to_workers_elsewhere(tiny, tmp_path) -> None:
    """The identifier is then drawn by weights that are not quantized."""
    base = str(build_family("sd3", tmp_path / "sd3"))
    small = ("sampler.scheduler=default", "method.class_sampler.scheduler=default")
    spec = _lora(tiny, "runtime.quantize=nf4", "method.optimizer=adamw8bit", *small, base=base)
    (prepared,) = prepare_all([spec], ELSEWHERE)
    assert (prepared.base.quantize, prepared.spec.runtime.quantize) == ("none", "nf4")
    with pytest.raises(NotHereError, match=r"runtime\.quantize=nf4 needs"):
        prepare_all([spec], HERE)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("runtime.device=gpu", "runtime.device=gpu is not a device"),
        ("runtime.quantize=fp8", "not for Stable Diffusion's U-Nets"),
    ],
)
def test_what_no_machine_can_do_is_refused_before_any_worker_starts(tiny, change: str, wrong: str) -> None:
    with pytest.raises(DreambenchError, match=wrong):
        prepare_all([_lora(tiny, change)], ELSEWHERE)


def test_a_safety_checker_is_said_to_be_off_only_where_the_base_model_has_one(tiny, tmp_path: Path) -> None:
    without = prepare(_lora(tiny))
    assert SAFETY_NOTE not in start_record(without, "run", []).notes
    base = shutil.copytree(tiny["base"], tmp_path / "base")
    index = json.loads((base / "model_index.json").read_text())
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    (base / "model_index.json").write_text(json.dumps(index))
    assert SAFETY_NOTE in start_record(prepare(_lora(tiny, base=str(base))), "run", []).notes
