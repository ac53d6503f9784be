"""Generation: one generator per image, batches that do not matter, and resuming that cannot be seen."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from dreambench.errors import DreambenchError
from dreambench.models.base_model import open_base
from dreambench.models.device import resolve_runtime
from dreambench.models.sampling import PromptEmbeddings, generate
from dreambench.models.schedulers import make_sampler
from dreambench.seeds import stable_seed
from dreambench.spec.method_options import SamplerSpec
from dreambench.spec.run_spec import BaseSpec, RuntimeSpec
from dreambench.store.files import commit_images
from tests.models.drawing import PROMPTS, SAMPLER, make, read, requests


@pytest.fixture(scope="module")
def base(tiny):
    return open_base(BaseSpec(model=tiny["base"]))


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


def test_an_image_that_is_not_finite_is_refused_and_not_kept(base, tmp_path):
    pipeline = base.pipeline(unet=base.fresh("unet"))
    with torch.no_grad():
        next(pipeline.unet.parameters()).fill_(float("nan"))
    runtime = resolve_runtime(RuntimeSpec(device="cpu"))
    with pytest.raises(DreambenchError, match=r"a sks dog in the snow.*00-0\.png.*not finite"):
        generate(pipeline, requests(tmp_path), SAMPLER, 64, runtime, commit_images)
    assert list(tmp_path.iterdir()) == []


def test_a_single_number_that_is_not_finite_is_enough(base, tmp_path):
    pipeline = base.pipeline(vae=base.fresh("vae"))

    def spoil(module, arguments, output):
        output[-1, 0, 3, 5] = float("nan")
        return output

    pipeline.vae.decoder.register_forward_hook(spoil)
    runtime = resolve_runtime(RuntimeSpec(device="cpu"))
    with pytest.raises(DreambenchError, match=r"01-0\.png.*not finite"):
        generate(pipeline, requests(tmp_path, 2), SAMPLER, 64, runtime, commit_images)


def test_progress_counts_what_is_there_and_what_is_made(base, tmp_path):
    wanted, counts = requests(tmp_path), []
    tmp_path.mkdir(exist_ok=True)
    for request in wanted[:5]:  # a whole batch, and one image of the next
        Image.new("RGB", (64, 64)).save(request.file)
    runtime = resolve_runtime(RuntimeSpec(device="cpu", generation_batch_size=4))
    assert generate(base.pipeline(), wanted, SAMPLER, 64, runtime, commit_images, counts.append) == 2
    assert counts == [4, 3]
    counts.clear()
    assert generate(base.pipeline(), wanted, SAMPLER, 64, runtime, commit_images, counts.append) == 0
    assert counts == [7]


def test_a_negative_prompt_without_guidance_is_refused():
    with pytest.raises(ValueError, match="negative_prompt has no effect at guidance_scale 1 or less"):
        SamplerSpec(guidance_scale=1.0, negative_prompt="blurry")
