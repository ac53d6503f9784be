"""Frozen weights in 8 bits: adapters are trained on them, images drawn, and what cannot be is refused."""

from __future__ import annotations

import importlib.util

import pytest
import torch

from dreambench.errors import DreambenchError
from dreambench.models import quantized
from dreambench.models.base_model import open_base
from dreambench.models.quantized import held_bytes, is_finite, require_quantizer
from dreambench.spec.run_spec import BaseSpec
from tests.material.tiny_families import build_family

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.skipif(importlib.util.find_spec("torchao") is None, reason="torchao is not installed")
def test_fp8_weights_say_nearly_the_same_and_get_adapters(tmp_path):
    from dreambench.methods.dreambooth_lora import _adapted

    base = open_base(BaseSpec(model=str(build_family("flux", tmp_path / "flux"))))
    base.frozen_dtype = torch.bfloat16
    plain = base.frozen("transformer")
    base.quantize = "fp8"
    held = base.fresh_frozen("transformer")
    name = "transformer_blocks.0.attn.to_q"
    weight, original = held.get_submodule(name).weight, plain.get_submodule(name).weight
    assert weight.dequantize().equal(original) is False
    assert (weight.dequantize() - original).abs().max() <= original.abs().max() / 8
    adapted = _adapted(base, "transformer", 2, 0)
    trained = {n for n, p in adapted.named_parameters() if p.requires_grad}
    assert trained
    assert all("lora_" in n for n in trained)
    base.release("vae")
    assert base.frozen("vae").encoder.conv_in.weight.dtype == torch.float32


def test_what_is_not_finite_is_seen_in_any_form():
    assert is_finite(torch.tensor([1.0]))
    assert is_finite(torch.tensor([1], dtype=torch.uint8))
    assert is_finite("no tensor")
    for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.float64):
        large = torch.full((4, 3, 3, 3), torch.finfo(dtype).max, dtype=dtype)  # finite, though its sum is not
        assert is_finite(large)
        assert is_finite(large.to(memory_format=torch.channels_last))
        assert is_finite(large[:0])
        for value in (float("nan"), float("inf"), -float("inf")):
            bad = large.clone()
            bad[2, 1, 0, 2] = value
            assert not is_finite(bad)


def test_looking_for_what_is_not_finite_makes_no_copy_of_the_weights():
    """Each subject loads its models: by isfinite, 860 million weights took 7 s on a CPU, and 3.4 GB."""
    from torch.profiler import ProfilerActivity, profile

    weights = torch.ones(1_000_000)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        assert is_finite(weights)
    taken = [event.cpu_memory_usage for event in watched.events()]
    assert 0 < max(taken) < 1000


@pytest.mark.parametrize(
    ("kind", "device", "large", "missing", "expected"),
    [
        ("nf4", CPU, True, (), "needs an NVIDIA GPU; use runtime.quantize=fp8 or none"),
        ("nf4", GPU, True, ("bitsandbytes",), "needs bitsandbytes, which is not installed; pip install"),
        ("fp8", CPU, True, ("torchao",), "needs torchao, which is not installed; pip install torchao"),
        ("fp8", CPU, False, (), "not for Stable Diffusion's U-Nets; leave runtime.quantize=none"),
    ],
)
def test_what_cannot_be_quantized_is_refused_in_one_line(monkeypatch, kind, device, large, missing, expected):
    def find(package):
        return None if package in missing else object()

    monkeypatch.setattr(quantized.importlib.util, "find_spec", find)
    with pytest.raises(DreambenchError) as refused:
        require_quantizer(kind, device, large)
    assert f"runtime.quantize={kind}" in str(refused.value)
    assert expected in str(refused.value)
    require_quantizer("none", device, large)


def test_linear_layers_are_held_in_few_bits_and_the_rest_in_half_precision():
    assert held_bytes("nf4", "blocks.0.to_q.weight", (64, 64)) == 64 * 64 * 0.5625
    assert held_bytes("fp8", "blocks.0.to_q.weight", (64, 64)) == 64 * 64
    assert held_bytes("none", "blocks.0.to_q.weight", (64, 64)) == 2 * 64 * 64
    assert held_bytes("nf4", "model.embed_tokens.weight", (64, 64)) == 2 * 64 * 64
    assert held_bytes("nf4", "blocks.0.to_q.bias", (64,)) == 2 * 64
    assert held_bytes("nf4", "conv.weight", (4, 4, 3, 3)) == 2 * 144
