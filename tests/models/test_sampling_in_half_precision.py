"""Generation in half precision, and batches that a GPU has no memory for."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch

from dreambench.models import sampling
from dreambench.models.base_model import open_base
from dreambench.models.device import resolve_runtime
from dreambench.models.sampling import generate
from dreambench.spec.run_spec import BaseSpec, RuntimeSpec
from dreambench.store.files import commit_images
from tests.models.drawing import SAMPLER, make, read, requests


@pytest.fixture(scope="module")
def base(tiny):
    return open_base(BaseSpec(model=tiny["base"]))


def test_bf16_draws_nearly_the_float32_image(base, tmp_path):
    make(base, requests(tmp_path / "fp32", 3))
    runtime = resolve_runtime(RuntimeSpec(device="cpu", precision="bf16"))
    generate(base.pipeline(), requests(tmp_path / "bf16", 3), SAMPLER, 64, runtime, commit_images)
    for a, b in zip(read(tmp_path / "fp32").values(), read(tmp_path / "bf16").values(), strict=True):
        assert np.abs(a.astype(int) - b.astype(int)).mean() < 12


@pytest.mark.parametrize(("instructions", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_fast_is_bf16_where_the_cpu_computes_in_it(monkeypatch, instructions, dtype):
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: instructions, raising=False)
    assert resolve_runtime(RuntimeSpec(device="cpu", precision="fast")).dtype == dtype
    assert resolve_runtime(RuntimeSpec(device="cpu")).dtype == torch.float32


def test_latents_and_guidance_are_float32_in_half_precision(base, tmp_path, monkeypatch):
    seen = set()
    pipeline = base.pipeline()
    runtime = resolve_runtime(RuntimeSpec(device="cpu", precision="bf16"))
    plain = sampling.make_sampler

    def watched(*arguments):
        scheduler = plain(*arguments)
        step = scheduler.step

        def noted(prediction, timestep, sample, **options):
            result = step(prediction, timestep, sample, **options)
            seen.update((prediction.dtype, sample.dtype, result[0].dtype))
            return result

        scheduler.step = noted
        return scheduler

    monkeypatch.setattr(sampling, "make_sampler", watched)
    for scheduler in ("ddim", "euler", "euler-ancestral", "dpmsolver++"):
        sampler = SAMPLER.model_copy(update={"scheduler": scheduler})
        generate(pipeline, requests(tmp_path / scheduler, 1), sampler, 64, runtime, commit_images)
    assert seen == {torch.float32}


@pytest.mark.parametrize("component", ["unet", "vae"])
def test_half_weights_change_no_bit_of_an_image_and_come_back(base, monkeypatch, tmp_path, component):
    runtime = resolve_runtime(RuntimeSpec(device="cpu", precision="bf16", generation_batch_size=4))
    pipeline = base.pipeline()
    before = [weight.clone() for weight in getattr(pipeline, component).parameters()]
    seen = set()
    watch = getattr(pipeline, component).register_forward_pre_hook(
        lambda module, arguments: seen.add(pipeline.unet.conv_in.weight.dtype)
    )
    generate(pipeline, requests(tmp_path / "half"), SAMPLER, 64, runtime, commit_images)
    watch.remove()
    assert component == "vae" or seen == {torch.bfloat16}
    after = list(getattr(pipeline, component).parameters())
    assert all(a.dtype == torch.float32 and torch.equal(a, b) for a, b in zip(after, before, strict=True))
    monkeypatch.setattr(sampling, "half_weights", lambda modules, runtime: nullcontext())
    generate(pipeline, requests(tmp_path / "cast"), SAMPLER, 64, runtime, commit_images)
    half, cast = read(tmp_path / "half"), read(tmp_path / "cast")
    assert half.keys() == cast.keys()
    assert all(np.array_equal(half[name], cast[name]) for name in half)


@pytest.mark.parametrize(("device", "contiguous"), [("cuda", True), ("cpu", False)])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_half_weights_are_contiguous_on_a_gpu_alone_and_come_back(device, contiguous, dtype):
    layer = torch.nn.Conv2d(4, 4, 3).to(dtype, memory_format=torch.channels_last)
    before = layer.weight.stride()
    here = resolve_runtime(RuntimeSpec(device="cpu", precision="bf16"))
    with sampling.half_weights([layer], replace(here, device=torch.device(device))):
        assert layer.weight.dtype == torch.bfloat16
        assert layer.weight.is_contiguous() == contiguous
    assert layer.weight.stride() == before
    assert layer.weight.dtype == dtype


FULL = (torch.cuda.OutOfMemoryError("CUDA out of memory"), RuntimeError("MPS backend out of memory (1 GiB)"))


@pytest.mark.parametrize("full", FULL, ids=["cuda", "mps"])
def test_a_batch_that_does_not_fit_is_drawn_in_halves(full, base, monkeypatch, tmp_path):
    make(base, requests(tmp_path / "whole"), batch_size=7)
    draw, sizes = sampling.draw, []

    def small(pipeline, embeddings, batch, *more):
        sizes.append(len(batch))
        if len(batch) > 2:
            raise full
        return draw(pipeline, embeddings, batch, *more)

    monkeypatch.setattr(sampling, "draw", small)
    assert make(base, requests(tmp_path / "halves"), batch_size=7) == 7
    assert sizes == [7, 3, 1, 2, 2, 2]
    whole, halves = read(tmp_path / "whole"), read(tmp_path / "halves")
    assert all(np.abs(whole[n].astype(int) - halves[n].astype(int)).max() <= 1 for n in whole)
    sizes.clear()
    assert make(base, requests(tmp_path / "batches"), batch_size=4) == 7
    assert sizes == [4, 2, 2, 3, 1, 2]  # three are fewer than did not fit: they are tried


def test_one_image_that_does_not_fit_is_an_error(base, monkeypatch, tmp_path):
    def none(*arguments):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(sampling, "draw", none)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        make(base, requests(tmp_path))


def test_another_error_is_not_tried_in_halves(base, monkeypatch, tmp_path):
    sizes = []

    def broken(pipeline, embeddings, batch, *more):
        sizes.append(len(batch))
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(sampling, "draw", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        make(base, requests(tmp_path), batch_size=7)
    assert sizes == [7]
