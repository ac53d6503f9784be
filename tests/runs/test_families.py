"""Whole runs in every family: trained, scored, stopped and resumed; the adapters fit plain diffusers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from dreambench.cli import main
from dreambench.models import sampling
from dreambench.store import open_run
from tests.material import tiny as models
from tests.material.tiny_families import BUILDERS, build_family
from tests.material.tiny_parts import IMAGE_SIZE

SMALL = (
    "method.steps=2", "method.class_images=2", "method.class_sampler.steps=1", "method.learning_rate=1e-2",
    "method.class_sampler.scheduler=default", "sampler.scheduler=default", "sampler.steps=2",
    f"image_size={IMAGE_SIZE}", "identifier.text=sks",
)  # fmt: skip
#: Also stopped and resumed, one of each kind: resuming does not know the family.
STOPPED = ("sdxl", "flux2-klein")


@pytest.fixture(scope="module", params=sorted(BUILDERS))
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = build_family(request.param, tmp_path_factory.mktemp(request.param))
    yield folder
    shutil.rmtree(folder)


def words(
    tiny: dict[str, str], base: Path, out: Path, *more: str, method: str = "dreambooth-lora"
) -> list[str]:
    chosen = [s for s in SMALL if method != "pretrained" or not s.startswith("method.")]
    sets = [word for field in chosen for word in ("--set", field)]
    encoders = models.options({k: v for k, v in tiny.items() if k not in ("base", "image_size")})
    return [
        *("run", "--preset", "paper-sd15", "--method", method, "--data", tiny["data"], "--base", str(base)),
        *("--subjects", "dog,vase", "--prompts", "0,3", "--images-per-prompt", "1"),
        *("--metrics", "dino,clip_i,clip_t,pres", *encoders, *sets, *more, "--out", str(out)),
    ]  # fmt: skip


def ended(*command: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(list(command))
    return int(stop.value.code or 0)


def scores(folder: Path) -> pd.DataFrame:
    return open_run(folder).scores("images")


def test_a_run_trains_draws_and_scores_and_its_adapters_fit_plain_diffusers(
    tiny, base, tmp_path, monkeypatch
):
    prior = ("--set", "method.prior_source=base-model") if base.name.startswith("sd") else ()
    assert ended(*words(tiny, base, tmp_path / "whole", *prior, "--keep-checkpoints")) == 0
    whole = scores(tmp_path / "whole")
    assert len(whole) == 4
    assert whole[["dino", "clip_i", "clip_t"]].notna().all(axis=None)
    assert_adapters_fit_the_plain_pipeline(base, tmp_path / "whole")
    if base.name.rstrip("0123456789") not in STOPPED:
        return
    drawn: list[int] = []
    ours = sampling.draw

    def draw(*arguments):
        drawn.append(1)
        if len(drawn) == 2:
            raise KeyboardInterrupt
        return ours(*arguments)

    monkeypatch.setattr(sampling, "draw", draw)
    assert ended(*words(tiny, base, tmp_path / "stopped", *prior, "--keep-checkpoints")) == 130
    monkeypatch.setattr(sampling, "draw", ours)
    assert ended(*words(tiny, base, tmp_path / "stopped", *prior, "--keep-checkpoints")) == 0
    pd.testing.assert_frame_equal(whole, scores(tmp_path / "stopped"))


def assert_adapters_fit_the_plain_pipeline(base: Path, folder: Path) -> None:
    """Load the kept adapters into the pipeline that diffusers makes of the base model, and draw an image."""
    from diffusers import DiffusionPipeline

    pipeline = DiffusionPipeline.from_pretrained(base)
    pipeline.set_progress_bar_config(disable=True)
    run = open_run(folder)
    row = run.scores("images").query("subject == 'dog' and prompt_index == 0").iloc[0]
    file = folder / "images" / "dog" / "00-0.png"
    kept = np.asarray(Image.open(file)).astype(int)

    def difference() -> np.ndarray:
        scale = run.record.spec.sampler.guidance_scale
        qwen = type(pipeline).__name__ == "QwenImagePipeline"
        told = {"true_cfg_scale": scale, "negative_prompt": ""} if qwen else {"guidance_scale": scale}
        size = {"height": IMAGE_SIZE, "width": IMAGE_SIZE, "num_inference_steps": 2}
        if type(pipeline).__name__ == "FluxKontextPipeline":
            size |= {"max_area": IMAGE_SIZE**2, "_auto_resize": False}
        rng = torch.Generator().manual_seed(int(row["seed"]))
        image = pipeline(prompt=row["prompt"], generator=rng, **size, **told).images[0]
        return np.abs(kept - np.asarray(image).astype(int))

    without = difference()
    pipeline.load_lora_weights(folder / "checkpoints" / "dog", weight_name="pytorch_lora_weights.safetensors")
    assert difference().max() <= 2
    assert difference().sum() < without.sum()


def test_half_precision_and_checkpointing(tiny, base, tmp_path):
    """Frozen weights in bf16, adapters in float32: what a GPU does by default, on the CPU's bf16."""
    thrifty = ("runtime.precision=bf16", "runtime.gradient_checkpointing=true", "prompts=0", "subjects=[dog]")
    sets = [word for field in thrifty for word in ("--set", field)]
    command = [w for w in words(tiny, base, tmp_path / "run", *sets) if w not in ("--subjects", "--prompts")]
    command = [w for w in command if w not in ("dog,vase", "0,3")]
    assert ended(*command) == 0
    assert scores(tmp_path / "run")[["dino", "clip_i", "clip_t"]].notna().all(axis=None)


REFUSED: dict[str, tuple[Callable[[str], bool], tuple[str, ...], str]] = {
    "whole weights": (
        lambda name: name != "sdxl",
        ("--method", "dreambooth"),
        "use --method dreambooth-lora",
    ),
    "learned words": (
        lambda name: name != "sdxl",
        ("--method", "textual-inversion"),
        "does not learn words for",
    ),
    "text encoders": (
        lambda name: name != "sdxl",
        ("--set", "method.train_text_encoder=true"),
        "are not trained",
    ),
    "a layer that is not there": (
        lambda name: name == "flux",
        ("--set", "method.targets=[to_w]"),
        "no layer called 'to_w'",
    ),
    "a sampler of diffusion": (
        lambda name: name != "sdxl",
        ("--set", "sampler.scheduler=ddim"),
        "is for diffusion",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_family_cannot_do_is_refused_in_one_line(tiny, base, tmp_path, capsys, case):
    applies, more, expected = REFUSED[case]
    name = base.name.rstrip("0123456789")
    if not applies(name):
        pytest.skip("this family can")
    command = words(tiny, base, tmp_path / "run", *more)
    if "textual-inversion" in more:
        command = [w for w in command if "class_images" not in w and "class_sampler" not in w]
        command = [
            w for n, w in enumerate(command) if not (w == "--set" and command[n + 1 : n + 2] == ["--set"])
        ]
    assert ended(*command) == 2
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "run" / "run.json").exists() or case == "a layer that is not there"


def test_a_size_between_the_models_patches_is_refused(tiny, tmp_path, capsys):
    """A VAE of the usual four levels has cells of 8 pixels, and the transformer tokens of 2 x 2 cells."""
    base = build_family("z-image", tmp_path / "z-image")
    config = base / "vae" / "config.json"
    levels = {"block_out_channels": [8, 8, 8, 8]}
    config.write_text(json.dumps({**json.loads(config.read_text()), **levels}))
    assert ended(*words(tiny, base, tmp_path / "run", "--set", "image_size=40")) == 2
    line = capsys.readouterr().err
    assert (
        "image_size=40 is not a multiple of 16, the side of this model's patches; use image_size=32" in line
    )
