"""The models of a process: which runs share a base model, and what is given back when another one is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from dreambench.runs.model_cache import ModelCache
from dreambench.runs.prepare import Prepared, prepare, prepare_all
from dreambench.spec.presets import build_spec
from dreambench.spec.run_spec import RunSpec
from tests.material.tiny_families import build_family


def _spec(tiny: dict[str, str], base: str, *changes: str) -> RunSpec:
    encoders = [f"{name}={value}" for name, value in tiny.items() if name.startswith("protocol.")]
    fields: dict[str, Any] = {
        "method": "pretrained",
        "subjects": ("dog",),
        "base.model": base,
        "data.folder": tiny["data"],
        "image_size": 64,
        "identifier.text": "sks",
    }
    return build_spec("paper-sd15", fields, ["sampler.scheduler=default", *encoders, *changes])


def _held(prepared: Prepared) -> set[str]:
    return set(prepared.base._frozen)


def test_another_base_model_takes_the_place_of_every_part_of_a_large_one(tiny, tmp_path: Path) -> None:
    large, small = prepare_all(
        [_spec(tiny, str(build_family("sd3", tmp_path / "sd3"))), _spec(tiny, tiny["base"])]
    )
    cache = ModelCache()
    cache.add(large)
    cache.add(small)
    for part in large.base.family.weighted:
        large.base.frozen(part)
    assert cache.prepared(large.spec) is large
    assert {"transformer", "text_encoder_2", "text_encoder_3"} < _held(large)
    small.base.frozen("unet")
    assert cache.prepared(small.spec) is small
    assert (_held(large), _held(small)) == (set(), {"unet"})


def test_runs_of_one_base_model_share_it_where_they_hold_it_alike(tiny, tmp_path: Path) -> None:
    """As in a worker, which gets the specs of several runs one by one."""
    folder = str(build_family("sd3", tmp_path / "sd3"))
    wanted = [
        prepare(_spec(tiny, folder, *changes)).spec
        for changes in (
            ["runtime.precision=fp32"],
            ["runtime.precision=bf16"],
            ["runtime.precision=fp32", "seed=1"],
        )
    ]
    cache = ModelCache("a worker")
    full, half, again = map(cache.prepared, wanted)
    assert full.base is again.base
    assert full.base is not half.base
    assert (full.base.frozen_dtype, half.base.frozen_dtype) == (torch.float32, torch.bfloat16)
    full.base.frozen("transformer")
    cache.prepared(half.spec)
    assert _held(full) == set()


def test_a_second_copy_of_a_base_model_is_given_back_as_well(tiny) -> None:
    cache = ModelCache()
    first, second = prepare(_spec(tiny, tiny["base"])), prepare(_spec(tiny, tiny["base"], "seed=1"))
    cache.add(first)
    cache.add(second)
    second.base.frozen("vae")
    cache.prepared(first.spec)
    assert _held(second) == set()
