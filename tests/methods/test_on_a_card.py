"""Every family on a GPU, without one: its tensors are on one device, and its numbers are those of the CPU."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dreambench.dataset import read_image
from dreambench.dataset.image_request import ImageRequest
from dreambench.methods.identifiers import token_strengths
from dreambench.methods.method import Context
from dreambench.models.base_model import open_base
from dreambench.models.sampling import generate
from dreambench.runs.prepare import prepare
from dreambench.spec.presets import build_spec
from dreambench.spec.run_spec import BaseSpec
from dreambench.store.files import commit_images
from tests.material import tiny as models
from tests.material.pretended_card import pretended_card
from tests.material.tiny_families import BUILDERS, build_family

pytestmark = pytest.mark.slow
SIZE = 32
TRAINED = {
    "lora": ("method=dreambooth-lora", "method.steps=1", "method.prior_source=base-model"),
    "words": ("method=textual-inversion", "method.steps=1"),
    "whole": ("method=dreambooth", "method.steps=1", "method.prior_source=base-model", "method.ema=true"),
}
CASES = [(name, "lora") for name in ("sd", *sorted(BUILDERS))]
CASES += [(name, kind) for name in ("sd", "sdxl") for kind in ("words", "whole")]
ON_CARDS = [(*case, "cuda") for case in CASES] + [("sd", kind, "mps") for kind in TRAINED]
HALF_CASES = [("sdxl", "lora"), ("sdxl", "words"), ("flux", "lora")]


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folders of the families' tiny pipelines that were built already."""
    return {}


@pytest.fixture
def base(request: pytest.FixtureRequest, pipelines: dict[str, Path], tmp_path_factory: Any) -> Path:
    """A family's tiny pipeline, built once."""
    name = request.param
    if name not in pipelines:
        folder = tmp_path_factory.mktemp(name)
        build = models.build_pipeline if name == "sd" else lambda place: build_family(name, place)
        pipelines[name] = build(folder)
    return pipelines[name]


def work(
    base: Path, tiny: dict[str, str], out: Path, device: str, kind: str, *more: str
) -> tuple[list[float], np.ndarray, Any]:
    """Train on a subject's photos and draw two images; return losses, pixels and what was trained."""
    fields = {"base.model": str(base), "data.folder": tiny["data"]}
    common = (f"image_size={SIZE}", "identifier.text=sks", "sampler.scheduler=default", "sampler.steps=1")
    spec = build_spec("paper-sd15", fields, [*common, *TRAINED[kind], f"runtime.device={device}", *more])
    prepared = prepare(spec)
    context = Context(prepared.runtime, "sks", lambda *_: pytest.fail("no class images"))
    done = prepared.method.personalize(prepared.subjects[0], prepared.base, prepared.spec, context)
    word = prepared.words(prepared.subjects[0])
    wanted = [
        ImageRequest(word.caption(), seed, out / device.partition(":")[0] / f"{seed}.png")
        for seed in range(2)
    ]
    for each in wanted:  # one by one: the text encoders leave the card and come back
        generate(done.pipeline, [each], spec.sampler, SIZE, prepared.runtime, commit_images)
    pixels = np.stack([np.asarray(read_image(each.file), dtype=float) for each in wanted])
    return [row.total for row in done.losses], pixels, done


@pytest.mark.parametrize(("base", "kind", "card"), ON_CARDS, indirect=["base"])
def test_a_card_gives_the_cpus_numbers(base, kind, card, tiny, tmp_path):
    losses, pixels, _ = work(base, tiny, tmp_path, "cpu", kind)
    with pretended_card(card) as memory:
        ours, drawn, _ = work(base, tiny, tmp_path, f"{card}:0", kind, "runtime.precision=fp32")
        gc.collect()
    np.testing.assert_allclose(ours, losses, rtol=1e-4)
    assert np.abs(drawn - pixels).max() <= 2
    assert memory.peak > 1e6


def test_an_identifier_is_the_same_on_a_macs_gpu():
    base = open_base(BaseSpec(model="builtin:mini/pipeline"))
    tokens = range(500, 540)
    here = token_strengths(base.tokenizer, base.frozen("text_encoder"), tokens)
    with pretended_card("mps"):
        base.device = torch.device("mps:0")
        assert token_strengths(base.tokenizer, base.frozen("text_encoder"), tokens) == here


@pytest.mark.parametrize(("base", "kind"), HALF_CASES, indirect=["base"])
def test_in_half_precision_only_what_is_frozen_is_half(base, kind, tiny, tmp_path):
    more = ("runtime.precision=bf16", "runtime.gradient_checkpointing=true")
    with pretended_card() as card:
        losses, _, done = work(base, tiny, tmp_path, "cuda", kind, *more)
        denoiser = getattr(done.pipeline, "unet", None) or done.pipeline.transformer
        linear = {name: each for name, each in denoiser.named_parameters() if each.ndim == 2}
        assert {each.device.type for each in linear.values()} == {"cuda"}
        assert {each.dtype for name, each in linear.items() if "lora_" in name} <= {torch.float32}
        assert {each.dtype for name, each in linear.items() if "lora_" not in name} == {torch.bfloat16}
        if base.name.startswith("flux"):  # a large family's text encoders have left the card
            assert {each.device.type for each in done.pipeline.text_encoder_2.parameters()} == {"cpu"}
        del done, denoiser, linear
        gc.collect()
    assert np.isfinite(losses).all()
    assert card.live < card.peak / 20


@pytest.mark.parametrize("base", ["sd"], indirect=True)
def test_a_batch_that_does_not_fit_is_drawn_in_halves(base, tiny, tmp_path):
    with pretended_card() as card:
        spec = build_spec("paper-sd15", {"base.model": str(base), "data.folder": tiny["data"]}, [
            "method=pretrained", f"image_size={SIZE}", "identifier.text=sks", "sampler.steps=2",
            "runtime.device=cuda", "runtime.precision=fp32", "runtime.generation_batch_size=8",
        ])  # fmt: skip
        prepared = prepare(spec)
        pipeline, pixels, sizes = prepared.base.pipeline(), [], []
        for turn in ("whole", "halves"):
            gc.collect()
            held, card.peak = card.live, card.live
            wanted = [ImageRequest("a dog", seed, tmp_path / turn / f"{seed}.png") for seed in range(8)]
            seen = pipeline.unet.register_forward_pre_hook(lambda module, given: sizes.append(len(given[0])))
            generate(pipeline, wanted, spec.sampler, SIZE, prepared.runtime, commit_images)
            seen.remove()
            pixels.append(np.stack([np.asarray(read_image(each.file), dtype=float) for each in wanted]))
            card.total = held + (card.peak - held) * 3 // 4
        assert sizes[:2] == [16, 16]
        assert sizes[2:] in ([16, 8, 8, 8, 8], [16, 16, 8, 8, 8, 8])
    assert np.abs(pixels[0] - pixels[1]).max() <= 1
