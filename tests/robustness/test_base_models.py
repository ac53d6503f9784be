"""Base models whose files reach for code, do not end, or hold numbers that no model has."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from dreambench.errors import DreambenchError
from dreambench.models.base_model import open_base
from dreambench.spec.run_spec import BaseSpec
from tests.cli.material import tiny_words

pytestmark = pytest.mark.slow

SCHEDULER, VAE = "scheduler/scheduler_config.json", "vae/config.json"
WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(tiny: dict[str, str], tmp_path: Path) -> Path:
    """The tiny pipeline in a folder that may be damaged: hard links, which cost nothing."""
    return Path(shutil.copytree(tiny["base"], tmp_path / "pipeline", copy_function=os.link))


def _write(file: Path, content: str) -> None:
    file.unlink()
    file.write_text(content, encoding="utf-8")


def _set(file: Path, **changes: object) -> None:
    _write(file, json.dumps({**json.loads(file.read_text()), **changes}))


NAMES = ["os", "utils", "__builtins__", "__doc__", "", None, 3, ["DDIMScheduler"], "DiffusionPipeline"]
OTHERS = [
    "KarrasVeScheduler",
    "ScoreSdeVeScheduler",
    "DDIMInverseScheduler",
    "DDIMschedule",
    "../DDIMScheduler",
]


@pytest.mark.parametrize("name", [*NAMES, *OTHERS], ids=str)
def test_a_scheduler_of_another_name_is_refused(refused, tiny, folder: Path, name: object) -> None:
    _set(folder / SCHEDULER, _class_name=name)
    line = refused("run", *tiny_words(tiny, base=str(folder)))
    assert "is not a known scheduler" in line
    assert "DDIMScheduler, DDPMScheduler" in line


@pytest.mark.parametrize("value", [0, 0.0, -0.18215, 1e30, "0.18", None, True], ids=str)
def test_a_scaling_factor_that_no_model_has_is_refused(refused, tiny, folder: Path, value: object) -> None:
    _set(folder / VAE, scaling_factor=value)
    assert "scaling_factor" in refused("run", *tiny_words(tiny, base=str(folder)))


BROKEN = ["", "{", "[]", "null", '{"a": 1', "\0"]


@pytest.mark.parametrize("content", BROKEN, ids=repr)
@pytest.mark.parametrize("file", ["model_index.json", SCHEDULER, VAE])
def test_a_broken_configuration_is_named(refused, tiny, folder: Path, file: str, content: str) -> None:
    _write(folder / file, content)
    assert file in refused("run", *tiny_words(tiny, base=str(folder)))


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _device(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [_pipe, _device])
@pytest.mark.parametrize(
    "file", ["model_index.json", SCHEDULER, VAE, f"unet/{WEIGHTS}", "tokenizer/vocab.json"]
)
def test_a_pipe_or_a_device_is_not_waited_for(refused, tiny, folder: Path, file: str, make) -> None:
    make(folder / file)
    assert "is a pipe or a device" in refused("run", *tiny_words(tiny, base=str(folder)))


@pytest.mark.parametrize("encoder", ["clip", "dino", "lpips"])
def test_encoder_weights_that_are_a_pipe_are_not_waited_for(refused, tiny, tmp_path, encoder: str) -> None:
    pipe = tmp_path / f"{encoder}.safetensors"
    os.mkfifo(pipe)
    line = refused("run", *tiny_words(tiny, **{f"protocol.{encoder}.weights": str(pipe)}))
    assert str(pipe) in line


def _infinite(values: torch.Tensor) -> None:
    values.view(-1)[0] = float("inf")


def _no_number(values: torch.Tensor) -> None:
    values.view(-1)[-1] = float("nan")


@pytest.mark.parametrize("change", [_infinite, _no_number])
@pytest.mark.parametrize("component", ["unet", "vae", "text_encoder"])
def test_a_weight_that_is_not_finite_is_named(folder: Path, component: str, change: Callable) -> None:
    file = next((folder / component).glob("*.safetensors"))
    tensors = load_file(file)
    name = sorted(name for name, values in tensors.items() if values.is_floating_point())[0]
    change(tensors[name])
    file.unlink()
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(DreambenchError, match="is not finite") as told:
        open_base(BaseSpec(model=str(folder))).frozen(component)
    assert str(folder / component) in str(told.value)


def test_a_name_that_is_neither_known_nor_the_files_is_refused(tiny) -> None:
    from dreambench.models.encoders.clip_encoder import load_clip
    from dreambench.models.encoders.dino_encoder import load_dino
    from dreambench.spec.protocol_spec import ClipSpec, DinoSpec

    fields = {"resize": 64, "crop": 56, "weights": tiny["protocol.dino.weights"]}
    with pytest.raises(DreambenchError, match=r"protocol\.dino\.model=nonsense is not a known model"):
        load_dino(DinoSpec(model="nonsense", **fields), "cpu")
    with pytest.raises(DreambenchError, match=r"protocol\.clip\.model=nonsense is not a known model"):
        load_clip(ClipSpec(model="nonsense", weights=tiny["protocol.clip.weights"]), "cpu")
