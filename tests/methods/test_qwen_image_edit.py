"""Qwen-Image-Edit as a reference method: prompt and photo are read together, as in the plain pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from safetensors import safe_open

from dreambench.cli import main
from dreambench.dataset import load_dataset, read_image
from dreambench.dataset.image_request import ImageRequest
from dreambench.errors import DreambenchError
from dreambench.methods.method import Context
from dreambench.methods.reference import Reference, _square
from dreambench.models.base_model import open_base
from dreambench.models.device import resolve_runtime
from dreambench.models.sampling import PromptEmbeddings, generate
from dreambench.runs.prepare import prepare
from dreambench.runs.training_subject import training_subject
from dreambench.spec.presets import build_spec
from dreambench.spec.run_spec import RunSpec
from dreambench.store import open_run
from dreambench.store.files import commit_images
from tests.material import tiny as models
from tests.material.tiny_qwen_edit import IMAGE_SIZE, build_qwen_edit

PROMPTS = ("a dog", "a red dog on the beach in the snow")


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    top = tmp_path_factory.mktemp("edit")
    return {name: build_qwen_edit(top / name, plus=name == "plus") for name in ("edit", "plus")}


def spec_of(tiny: dict[str, str], base: Path, *changes: str, method: str = "reference") -> RunSpec:
    encoders = {name: value for name, value in tiny.items() if name.startswith("protocol.")}
    fields = {"base.model": str(base), "data.folder": tiny["data"], "method": method, **encoders}
    sets = [f"image_size={IMAGE_SIZE}", "sampler.scheduler=default", "sampler.steps=2"]
    return build_spec("paper-sd15", fields, [*sets, "sampler.guidance_scale=3", *changes])


@pytest.mark.parametrize(("name", "count"), [("edit", 1), ("plus", 2)])
def test_images_are_those_of_the_plain_pipelines_own_call(tiny, bases, name, count, tmp_path):
    from diffusers import DiffusionPipeline

    spec = spec_of(tiny, bases[name], f"training_photos={count}")
    base, runtime = open_base(spec.base), resolve_runtime(spec.runtime)
    subject = training_subject(spec, load_dataset(Path(tiny["data"]))["dog"])
    method = Reference()
    method.check(base, spec)
    context = Context(runtime, "sks", lambda *_: pytest.fail("no class images"))
    done = method.personalize(subject, base, spec, context)
    wanted = [ImageRequest(prompt, seed, tmp_path / f"{seed}.png") for seed, prompt in enumerate(PROMPTS)]
    generate(
        done.pipeline,
        wanted,
        spec.sampler,
        IMAGE_SIZE,
        runtime,
        commit_images,
        call_arguments=done.call_arguments,
    )

    pipeline = DiffusionPipeline.from_pretrained(bases[name])
    pipeline.set_progress_bar_config(disable=True)
    photos = [_square(read_image(photo.path), IMAGE_SIZE) for photo in subject.photos]
    others = [ImageOps.invert(photo) for photo in photos]
    read: list[torch.Tensor] = []

    def keep_states(module: Any, arguments: Any, named: dict[str, Any]) -> None:
        read.append(named["encoder_hidden_states"][0])

    pipeline.transformer.register_forward_pre_hook(keep_states, with_kwargs=True)
    states = PromptEmbeddings.encode(done.pipeline, PROMPTS, spec.sampler, runtime, done.call_arguments)

    def plain(request: ImageRequest, shown: list[Image.Image]) -> np.ndarray:
        told: dict[str, Any] = {"true_cfg_scale": 3.0, "negative_prompt": "", "num_inference_steps": 2}
        size = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
        rng = torch.Generator().manual_seed(request.seed)
        image = shown if name == "plus" else shown[0]
        read.clear()
        drawn = pipeline(prompt=request.prompt, image=image, generator=rng, **told, **size).images[0]
        return np.asarray(drawn).astype(int)

    for request, told in zip(wanted, states.positive["prompt_embeds"], strict=False):  # then the negative
        ours = np.asarray(Image.open(request.file)).astype(int)
        assert ours.std() > 20
        assert np.abs(ours - plain(request, photos)).max() <= 2
        torch.testing.assert_close(told[: len(read[0])], read[0], atol=1e-5, rtol=1e-5)
        # Without the photo's part, another image and other states.
        assert np.abs(ours - plain(request, others)).max() > 5
        assert (told[: len(read[0])] - read[0]).abs().max() > 1e-2


def test_a_run_draws_and_scores_two_subjects(tiny, bases, tmp_path):
    words = ["run", "--preset", "paper-sd15", "--method", "reference", "--base", str(bases["plus"])]
    words += ["--data", tiny["data"], "--subjects", "dog,vase", "--prompts", "0", "--images-per-prompt", "1"]
    words += models.options({k: v for k, v in tiny.items() if k.startswith("protocol.")})
    sets = ["training_photos=1", "sampler.steps=1", "sampler.scheduler=default", f"image_size={IMAGE_SIZE}"]
    words += [word for field in sets for word in ("--set", field)]
    with pytest.raises(SystemExit) as stop:
        main([*words, "--metrics", "dino,clip_t", "--out", str(tmp_path / "run")])
    assert not stop.value.code
    run = open_run(tmp_path / "run")
    assert list(run.record.protocols) == ["all-photos", "input-left-out"]
    scores = run.scores("images")
    assert list(scores["subject"]) == ["dog", "vase"]
    assert scores[["dino", "clip_t"]].notna().all(axis=None)


def test_methods_that_show_no_photo_are_refused(tiny, bases):
    for method in ("pretrained", "dreambooth-lora"):
        with pytest.raises(
            DreambenchError, match=rf"need a photo to draw, but {method} shows none; use --method"
        ):
            prepare(spec_of(tiny, bases["edit"], method=method))
    with pytest.raises(DreambenchError, match=r"qwen-image-edit models are shown one photo; add --set"):
        prepare(spec_of(tiny, bases["edit"], "training_photos=2"))


def test_plan_counts_the_memory_of_drawing(tiny, bases, capsys):
    def held(component: str, size: int) -> int:
        total = 0
        for file in (bases["plus"] / component).glob("*.safetensors"):
            with safe_open(file, "pt") as content:
                total += sum(content.get_tensor(key).numel() for key in content.keys())  # noqa: SIM118
        return total * size

    words = ["plan", "--preset", "qwen-image-edit", "--base", str(bases["plus"]), "--data", tiny["data"]]
    with pytest.raises(SystemExit) as stop:
        main([*words, "--json"])
    assert not stop.value.code
    memory = json.loads(capsys.readouterr().out)["memory"]
    assert memory["weights"] == held("transformer", 2) + held("vae", 4)
    assert memory["parked"] == held("text_encoder", 2)
    assert memory["trained_parameters"] == memory["gradients"] == memory["optimizer"] == 0
    with pytest.raises(SystemExit):
        main(words)
    assert "(peak: encoding the prompts)" in capsys.readouterr().out
