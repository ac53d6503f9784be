"""Generation: one generator per image, batches that do not matter, and resuming that cannot be seen."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from dreambench.dataset.image_request import ImageRequest
from dreambench.errors import DreambenchError
from dreambench.models import sampling
from dreambench.models.base_model import open_base
from dreambench.models.device import resolve_runtime
from dreambench.models.sampling import PromptEmbeddings, generate
from dreambench.models.schedulers import make_sampler
from dreambench.seeds import stable_seed
from dreambench.spec.method_options import SamplerSpec
from dreambench.spec.run_spec import BaseSpec, RuntimeSpec
from dreambench.store.files import commit_images

SAMPLER = SamplerSpec(scheduler="ddim", steps=3, guidance_scale=5.0)
PROMPTS = ("a sks dog in the snow", "a sks dog on the beach", "a red sks dog")


@pytest.fixture(scope="module")
def base(tiny):
    return open_base(BaseSpec(model=tiny["base"]))


def requests(folder, count=7):
    return [
        ImageRequest(PROMPTS[i % 3], stable_seed(0, "dog", i), folder / f"{i:02d}-0.png")
        for i in range(count)
    ]


def make(base, wanted, batch_size=4, sampler=SAMPLER, commit=commit_images):
    runtime = resolve_runtime(RuntimeSpec(device="cpu", generation_batch_size=batch_size))
    return generate(base.pipeline(), wanted, sampler, 64, runtime, commit)


def read(folder):
    return {p.name: np.asarray(Image.open(p)) for p in sorted(folder.glob("*.png"))}


def test_an_image_equals_a_single_call_of_the_plain_pipeline(base, tmp_path):
    make(base, requests(tmp_path))
    pipeline = base.pipeline()
    for request in requests(tmp_path)[:3]:
        rng = torch.Generator().manual_seed(request.seed)
        plain = pipeline(
            request.prompt, num_inference_steps=3, guidance_scale=5.0, height=64, width=64, generator=rng
        ).images[0]
        ours = np.asarray(Image.open(request.file)).astype(int)
        assert np.abs(ours - np.asarray(plain).astype(int)).max() <= 1


@pytest.mark.parametrize(
    "scheduler", ["ddim", "euler-ancestral", "ddpm", "pndm", "dpmsolver++", "unipc", "euler"]
)
def test_batch_size_and_order_do_not_change_an_images_noise(base, tmp_path, scheduler):
    sampler = SAMPLER.model_copy(update={"scheduler": scheduler})
    make(base, requests(tmp_path / "a"), batch_size=7, sampler=sampler)
    make(base, list(reversed(requests(tmp_path / "b"))), batch_size=1, sampler=sampler)
    one, other = read(tmp_path / "a"), read(tmp_path / "b")
    assert one.keys() == other.keys()
    for name in one:
        assert np.abs(one[name].astype(int) - other[name].astype(int)).max() <= 1


def test_images_of_one_prompt_differ(base, tmp_path):
    make(base, requests(tmp_path))
    images = read(tmp_path)
    assert len({image.tobytes() for image in images.values()}) == len(images)


def test_a_resumed_generation_makes_only_what_is_missing_and_the_same_bytes(base, tmp_path):
    make(base, requests(tmp_path / "whole"))
    wanted = requests(tmp_path / "resumed")

    class KilledError(Exception):
        pass

    def commit_one_batch(images):
        if any(r.file.exists() for r in wanted):
            raise KilledError
        commit_images(images)

    with pytest.raises(KilledError):
        make(base, wanted, commit=commit_one_batch)
    kept = {r.file: r.file.stat().st_mtime_ns for r in wanted if r.file.exists()}
    assert len(kept) == 4
    assert make(base, wanted) == 3
    assert all(file.stat().st_mtime_ns == time for file, time in kept.items())
    for name in (r.file.name for r in wanted):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "resumed" / name).read_bytes()


def test_a_lost_image_comes_back_bit_for_bit(base, tmp_path):
    wanted = requests(tmp_path)
    make(base, wanted)
    lost = wanted[5].file
    before = lost.read_bytes()
    lost.unlink()
    assert make(base, wanted) == 1
    assert lost.read_bytes() == before


def test_distinct_prompts_are_encoded_once(base):
    runtime = resolve_runtime(RuntimeSpec(device="cpu"))
    encoded = PromptEmbeddings.encode(base.pipeline(), PROMPTS * 4, SAMPLER, runtime)
    assert encoded.prompts == PROMPTS
    states, negative = base.pipeline().encode_prompt(PROMPTS[1], "cpu", 1, True)
    torch.testing.assert_close(encoded.positive["prompt_embeds"][1], states[0])
    torch.testing.assert_close(encoded.negative["prompt_embeds"], negative)


def test_without_guidance_no_negative_prompt_is_encoded(base, tmp_path):
    runtime = resolve_runtime(RuntimeSpec(device="cpu"))
    plain = SAMPLER.model_copy(update={"guidance_scale": 1.0})
    assert PromptEmbeddings.encode(base.pipeline(), PROMPTS, plain, runtime).negative is None
    assert make(base, requests(tmp_path, 2), sampler=plain) == 2


def test_seeds_do_not_change_between_versions():
    assert stable_seed(0, "dog", 3, 1) == stable_seed("0", "dog", "3", "1")
    assert stable_seed(0, "dog", 3, 1) == 2396437160670418246
    assert stable_seed(0, "dog", 31) != stable_seed(0, "dog", 3, 1)


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


@pytest.mark.parametrize("theirs", ["Euler", "DPMSolverMultistep", "UniPCMultistep", "PNDM", "DDIM"])
@pytest.mark.parametrize("ours", ["ddim", "ddpm", "default"])
def test_no_sampler_clips_latents_whatever_the_base_models_config_is_silent_about(theirs, ours, tmp_path):
    import diffusers

    name = theirs if theirs == "DDIM" else f"{theirs}Discrete" if theirs == "Euler" else theirs
    silent = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012}
    (tmp_path / "scheduler_config.json").write_text(json.dumps({"_class_name": f"{name}Scheduler", **silent}))
    base_scheduler = getattr(diffusers, f"{name}Scheduler").from_pretrained(tmp_path)
    made = make_sampler(SamplerSpec(scheduler=ours), base_scheduler)
    assert not made.config.get("clip_sample", False)
    assert made.config.get("steps_offset", 1) == 1
    assert not made.config.get("set_alpha_to_one", False)


def test_what_a_config_says_is_kept():
    import diffusers

    said = diffusers.DDIMScheduler(clip_sample=True, steps_offset=2)
    made = make_sampler(SamplerSpec(scheduler="ddim"), said)
    assert (made.config.clip_sample, made.config.steps_offset) == (True, 2)


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


def test_an_image_that_is_not_finite_is_refused_and_not_kept(base, tmp_path):
    pipeline = base.pipeline(unet=base.fresh("unet"))
    with torch.no_grad():
        next(pipeline.unet.parameters()).fill_(float("nan"))
    runtime = resolve_runtime(RuntimeSpec(device="cpu"))
    with pytest.raises(DreambenchError, match=r"a sks dog in the snow.*00-0\.png.*not finite"):
        generate(pipeline, requests(tmp_path), SAMPLER, 64, runtime, commit_images)
    assert list(tmp_path.iterdir()) == []


def test_a_negative_prompt_without_guidance_is_refused():
    with pytest.raises(ValueError, match="negative_prompt has no effect at guidance_scale 1 or less"):
        SamplerSpec(guidance_scale=1.0, negative_prompt="blurry")


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


def test_a_batch_that_does_not_fit_is_drawn_in_halves(base, monkeypatch, tmp_path):
    make(base, requests(tmp_path / "whole"), batch_size=7)
    draw, sizes = sampling.draw, []

    def small(pipeline, embeddings, batch, *more):
        sizes.append(len(batch))
        if len(batch) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
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
