"""Precision: bf16 only where the hardware has it, and scores without TF32."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from dreambench.models import device
from dreambench.models.device import Runtime, resolve_runtime
from dreambench.models.encoders.image_encoder import ImageEncoder
from dreambench.spec.run_spec import RuntimeSpec
from tests.material.processes import run_script


@pytest.mark.parametrize(("native", "dtype"), [(True, torch.bfloat16), (False, torch.float16)])
def test_auto_takes_bf16_on_a_gpu_that_does_not_emulate_it(
    native: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return native or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    monkeypatch.setattr(device, "chosen_device", lambda name: torch.device("cuda"))
    assert resolve_runtime(RuntimeSpec(precision="auto")).dtype == dtype


#: What a program may set before it calls us, by the newer names where torch has them.
SETTINGS = {
    "nothing": "",
    "older": "torch.backends.cuda.matmul.allow_tf32 = True",
    "high": "torch.set_float32_matmul_precision('high')",
    "medium": "torch.set_float32_matmul_precision('medium')",
    "newer": "torch.backends.cuda.matmul.fp32_precision = 'tf32'",
    "everywhere": "torch.backends.fp32_precision = 'tf32'",
    "convolutions": "torch.backends.cudnn.conv.fp32_precision = 'ieee'",
}
WATCH = """
import torch
from dreambench.models.exact_float32 import in_float32

def seen():
    found = []
    for read in (
        torch.get_float32_matmul_precision,
        lambda: torch.backends.cudnn.allow_tf32,
        lambda: torch.backends.cuda.matmul.fp32_precision,
        lambda: torch.backends.cudnn.conv.fp32_precision,
        lambda: torch.backends.mkldnn.matmul.fp32_precision,
    ):
        try:
            found.append(read())
        except (RuntimeError, AttributeError):
            found.append("refused")
    return found

{setting}
before = seen()
with in_float32(torch.device("cpu")):
    inside = seen()
assert seen() == before, (before, seen())
assert inside[0] == "highest" and not {{"tf32", "bf16", True}} & set(inside), inside
"""


@pytest.mark.parametrize("setting", SETTINGS)
def test_float32_is_exact_inside_and_as_it_was_outside(setting: str) -> None:
    if "fp32_precision" in SETTINGS[setting] and not hasattr(torch.backends.cuda.matmul, "fp32_precision"):
        pytest.skip("this torch has only the older names")
    code = WATCH.format(setting=SETTINGS[setting])
    done = run_script(code)
    assert done.returncode == 0, done.stderr


def test_encoders_embed_in_float32_under_autocast() -> None:
    class Watching(ImageEncoder):
        def _embed(self, batch: Tensor) -> Tensor:
            exact = not torch.backends.cudnn.allow_tf32 and (batch.flatten(1) @ torch.ones(48, 1)).dtype
            return torch.full((len(batch), 1), float(exact == torch.float32))

    watching = Watching(torch.nn.Identity(), lambda image: torch.zeros(3, 4, 4), 4, torch.device("cpu"))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert watching.forward(torch.zeros(2, 3, 4, 4)).tolist() == [[1.0], [1.0]]
        assert torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize(("gigabytes", "images"), [(80, 32), (40, 16), (24, 8), (16, 4), (8, 2)])
def test_a_gpus_memory_decides_how_many_images_are_drawn_at_once(
    gigabytes: int, images: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = SimpleNamespace(total_memory=int(gigabytes * 0.98 * 2**30))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    runtime = Runtime(torch.device("cuda"), torch.bfloat16, RuntimeSpec())
    assert runtime.generation_batch() == images
    said = Runtime(torch.device("cuda"), torch.bfloat16, RuntimeSpec(generation_batch_size=3))
    assert said.generation_batch() == 3


def test_a_unit_that_shares_a_gpu_draws_by_its_share_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    card = SimpleNamespace(total_memory=80 * 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    sizes = [
        Runtime(torch.device("cuda"), torch.bfloat16, RuntimeSpec(), share).generation_batch()
        for share in (1.0, 0.5, 0.3, 0.1)
    ]
    assert sizes == [32, 16, 8, 2]


def test_deterministic_is_asked_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")  # an own choice stays
    try:
        resolve_runtime(RuntimeSpec(device="cpu", deterministic=True))
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


def test_cudnns_attention_is_off_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """pytorch/pytorch#196678: its gradients are not always finite on an H100 or H200."""
    monkeypatch.setattr(device, "chosen_device", torch.device)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    torch.backends.cuda.enable_cudnn_sdp(True)
    resolve_runtime(RuntimeSpec(device="cpu"))
    assert torch.backends.cuda.cudnn_sdp_enabled()
    resolve_runtime(RuntimeSpec(device="cuda"))
    assert not torch.backends.cuda.cudnn_sdp_enabled()


def test_compile_keeps_the_names_of_weights() -> None:
    module = torch.nn.Linear(2, 2)
    names = list(module.state_dict())
    resolve_runtime(RuntimeSpec(device="cpu", compile=True)).compile(module)
    assert module._compiled_call_impl is not None
    assert list(module.state_dict()) == names
