"""The memory that `dreambench plan` prints: what is trained, counted for real, and the arithmetic by hand."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from safetensors.torch import load_file

from dreambench.cli import main
from dreambench.dataset import load_dataset
from dreambench.errors import DreambenchError
from dreambench.executors import ExecutorOptions
from dreambench.methods.method import Context
from dreambench.models import device as device_module
from dreambench.models.base_model import open_base
from dreambench.models.device import resolve_runtime
from dreambench.models.families.flux import Flux
from dreambench.models.families.stable_diffusion import StableDiffusion
from dreambench.runs.memory import memory_advice, require_memory, shapes_of, training_memory
from dreambench.runs.plan import make_plan
from dreambench.runs.prepare import prepare_all
from dreambench.runs.run import executor_of
from dreambench.spec.presets import build_spec
from dreambench.spec.registries import METHODS
from tests.material import tiny as tiny_models

SD15 = {"unet": 859_520_964, "text_encoder": 123_060_480, "vae": 83_653_863}


def _spec(tiny, method: str, *changes: str):
    fields = {"base.model": tiny["base"], "data.folder": tiny["data"], "method": method}
    small = ["image_size=64", "method.steps=1", *changes]
    return build_spec("paper-sd15", fields, small)


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("dreambooth", ["method.prior_preservation=false"]),
        ("dreambooth", ["method.prior_preservation=false", "method.train_text_encoder=false"]),
        ("dreambooth-lora", ["method.prior_preservation=false", "method.rank=3"]),
        ("dreambooth-lora", ["method.prior_preservation=false", "method.train_text_encoder=true"]),
        ("textual-inversion", ["method.vectors=2"]),
    ],
)
def test_the_trained_parameters_are_those_that_the_optimizer_gets_and_that_are_saved(
    tiny, method, changes, monkeypatch, tmp_path
):
    from dreambench.methods.finetune import training_step

    given = []
    ours = training_step.make_optimizer

    def counted(parameters, *others):
        given.append(sum(parameter.numel() for parameter in parameters))
        return ours(parameters, *others)

    monkeypatch.setattr(training_step, "make_optimizer", counted)
    spec = _spec(tiny, method, *changes)
    base = open_base(spec.base)
    context = Context(resolve_runtime(spec.runtime), "sks", lambda *_: pytest.fail("no class images"))
    trainer = METHODS.get(method)()
    made = trainer.personalize(load_dataset(Path(tiny["data"]))["dog"], base, spec, context)
    memory = training_memory(spec, shapes_of(Path(tiny["base"]), base.family), base.family)
    assert memory.trained_parameters == given[0]
    trainer.save(made, tmp_path)
    saved = [t.nbytes for file in tmp_path.rglob("*.safetensors") for t in load_file(file).values()]
    assert make_plan(spec, keep_checkpoints=True).disk_peak == 30 * sum(saved)


def _billions(*changes: str) -> float:
    shapes = {name: {"all": (count,)} for name, count in SD15.items()}
    return training_memory(build_spec("paper-sd15", {}, list(changes)), shapes, StableDiffusion()).total / 1e9


def test_stable_diffusion_by_hand():
    """16 bytes a trained parameter, 4 for the frozen VAE; the casts make room for the gradients.

    On an H200 the whole training's peak was 15.7 GiB, activations included (docs/performance.md).
    """
    trained = SD15["unet"] + SD15["text_encoder"]
    assert _billions() == pytest.approx((16 * trained + 4 * SD15["vae"]) / 1e9)
    assert round(_billions(), 1) == 16.1
    assert _billions() * 1e9 / 2**30 < 15.7
    frozen = "method.train_text_encoder=false"
    eight_bit = (4 + 4 + 2) * SD15["unet"] + 4 * SD15["vae"]  # the text encoder is on the CPU by then
    assert _billions("method.optimizer=adamw8bit", frozen) == pytest.approx(eight_bit / 1e9)
    assert round(_billions("method.optimizer=adamw8bit", frozen), 1) == 8.9
    by_base = "method.prior_source=base-model"
    assert _billions(by_base) == pytest.approx((16 * trained + 2 * SD15["unet"] + 4 * SD15["vae"]) / 1e9)


def test_stable_diffusion_with_added_weights_by_hand():
    """Frozen weights have 2 bytes, the VAE's 4; text encoders are on the CPU, if no step encodes text."""
    shapes = {name: {"down.to_q.weight": (count, 1), "norm1.weight": (7,)} for name, count in SD15.items()}

    def held(*changes: str, method: str, half: bool = True):
        spec = build_spec("paper-sd15", {"method": method}, list(changes))
        return training_memory(spec, shapes, StableDiffusion(), half)

    lora, prior = {"method": "dreambooth-lora"}, ("method.prior_source=base-model",)
    adapters = 4 * (4 + 4 * SD15["unet"])  # of rank 4
    unet, vae, text = 2 * SD15["unet"] + 28, 4 * SD15["vae"] + 28, 4 * SD15["text_encoder"] + 28
    assert held(**lora).weights == held(*prior, **lora).weights == unet + vae + adapters
    assert held(**lora).parked == held(*prior, **lora).parked == text
    both = held("method.train_text_encoder=true", *prior, **lora)
    assert both.parked == text  # the second one, until it has encoded the class caption
    assert both.weights == unet + vae + 2 * SD15["text_encoder"] + 28 + 4 * both.trained_parameters
    words = held(method="textual-inversion")
    assert (words.parked, words.weights) == (0, unet + vae + 2 * SD15["text_encoder"] + 28)
    assert held(half=False, **lora).weights == 4 * SD15["unet"] + 28 + vae + adapters


def test_a_gpu_that_is_too_small_is_named_before_anything_is_loaded(tiny, monkeypatch):
    spec = _spec(tiny, "dreambooth", "method.prior_preservation=false")
    base = open_base(spec.base)
    runtime = resolve_runtime(spec.runtime)
    needed = training_memory(spec, shapes_of(base.folder, base.family), base.family, False).total
    require_memory(spec, base, runtime)  # a CPU's memory is not known
    monkeypatch.setattr(device_module, "device_memory", lambda device: needed)
    require_memory(spec, base, runtime)
    monkeypatch.setattr(device_module, "device_memory", lambda device: needed - 1)
    with pytest.raises(DreambenchError, match="GiB before activations"):
        require_memory(spec, base, runtime)
    require_memory(_spec(tiny, "dreambooth", "runtime.ignore_memory=true"), base, runtime)
    monkeypatch.setattr(device_module, "device_memory", lambda device: 0)
    with pytest.raises(DreambenchError) as refused:
        require_memory(_spec(tiny, "dreambooth-lora"), base, runtime)
    assert "adamw8bit" not in str(refused.value)


def test_a_share_of_a_gpu_that_is_too_small_is_refused_here_and_in_a_worker(tiny, monkeypatch):
    pytest.importorskip("ray")
    encoders = [f"{name}={value}" for name, value in tiny.items() if name.startswith("protocol.")]
    spec = _spec(tiny, "dreambooth", "method.prior_preservation=false", "identifier.text=sks", *encoders)
    (prepared,) = prepare_all([spec])
    base = prepared.base
    needed = training_memory(spec, shapes_of(base.folder, base.family), base.family, False).total
    monkeypatch.setattr(device_module, "device_memory", lambda device: needed)
    prepare_all([spec], ExecutorOptions("ray", gpus_per_unit=2))
    refused = r"GiB before activations, and a unit's share of the GPU \(0\.5\) is 0\.0 GiB"
    with pytest.raises(DreambenchError, match=refused):
        prepare_all([spec], ExecutorOptions("ray", gpus_per_unit=0.5))
    with closing(executor_of(ExecutorOptions("ray", gpus_per_unit=0.5), [])) as executor:
        models = executor._make_models("a worker")
    with pytest.raises(DreambenchError, match=refused):
        models.prepared(prepared.spec)


def test_eight_bit_adam_is_refused_without_a_gpu_before_anything_is_drawn(tiny, tmp_path, capsys):
    command = ["run", *tiny_models.options(tiny), "--subjects", "dog", "--set", "runtime.device=cpu"]
    with pytest.raises(SystemExit) as stop:
        main([*command, "--set", "method.optimizer=adamw8bit", "--out", str(tmp_path / "run")])
    assert stop.value.code == 2
    assert "method.optimizer=adamw8bit needs a CUDA device" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_force_starts_on_a_gpu_that_is_too_small(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(device_module, "device_memory", lambda device: 1000)
    command = ["run", *tiny_models.options(tiny), "--method", "pretrained", "--subjects", "dog"]
    command += ["--prompts", "0", "--images-per-prompt", "1", "--out", str(tmp_path / "run")]
    with pytest.raises(SystemExit) as stop:
        main(command)
    assert stop.value.code == 2
    assert "the GPU has 0.0 GiB" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    with pytest.raises(SystemExit) as stop:
        main([*command, "--force"])
    assert not stop.value.code


def test_weights_that_are_only_drawn_with_are_held_in_half_precision():
    shapes = {
        "transformer": {"a.weight": (10, 10)},
        "vae": {"b.weight": (10, 10)},
        "text_encoder": {},
        "text_encoder_2": {},
    }
    spec = build_spec("paper-sd15", {"method": "pretrained"}, [])
    assert training_memory(spec, shapes, Flux()).weights == 200 + 400
    spec = build_spec("paper-sd15", {"method": "pretrained"}, ["runtime.quantize=fp8"])
    assert training_memory(spec, shapes, Flux()).weights == 100 + 400


def test_out_of_memory_names_what_saves_some_with_this_method_and_model():
    def named(family, *changes: str, method: str) -> str:
        return memory_advice(build_spec("paper-sd15", {"method": method}, list(changes)), family)

    checkpointing = "runtime.gradient_checkpointing=true"
    assert f"{checkpointing} or method.optimizer=adamw8bit" in named(StableDiffusion(), method="dreambooth")
    adapters = named(Flux(), "method.batch_size=4", method="dreambooth-lora")
    assert adapters.startswith(f"try --set {checkpointing} or method.batch_size=1 or runtime.quantize=nf4")
    words = named(StableDiffusion(), f"{checkpointing}", "method.batch_size=1", method="textual-inversion")
    assert words == "try --set runtime.generation_batch_size=1; "
    assert "gradient_checkpointing" not in named(Flux(), method="pretrained")
    small = ("runtime.generation_batch_size=1", "runtime.quantize=fp8")
    assert named(Flux(), *small, method="pretrained") == "use a smaller base model; "
