"""The example package of the docs: installed, it is a family like any other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dreambench.errors import DreambenchError
from dreambench.models.base_model import open_base
from dreambench.models.families.family import Noisy
from dreambench.spec.registries import FAMILIES
from dreambench.spec.run_spec import BaseSpec
from dreambench.store import open_run
from tests.material import tiny as models
from tests.material.example_packages import count_lines, install
from tests.material.processes import run_commands
from tests.material.tiny_parts import IMAGE_SIZE, flow_scheduler, save_tiny, tiny_vae
from tests.material.tiny_tokenizers import VOCABULARY, build_t5

pytestmark = pytest.mark.slow

SMALL = (
    "method.steps=2", "method.learning_rate=1e-2", "method.prior_preservation=false", "sampler.steps=2",
    "sampler.scheduler=default", f"image_size={IMAGE_SIZE}", "identifier.text=sks",
)  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install("example-family", tmp_path_factory.mktemp("site"))


@pytest.fixture
def installed(site: Path) -> Iterator[None]:
    """While it is installed, this process knows its family."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        patch.setattr(FAMILIES, "_entries", None)
        patch.setattr(FAMILIES, "_classes", {})
        yield


@pytest.fixture(scope="module")
def aura_flow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny AuraFlow with random weights, in diffusers' real layout."""
    from diffusers import AuraFlowPipeline, AuraFlowTransformer2DModel
    from transformers import UMT5Config, UMT5EncoderModel

    torch.manual_seed(0)
    transformer = AuraFlowTransformer2DModel(
        sample_size=IMAGE_SIZE // 2,
        num_mmdit_layers=1,
        num_single_dit_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        caption_projection_dim=32,
        pos_embed_max_size=256,
    )
    text = UMT5Config(vocab_size=VOCABULARY, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4)
    pipeline = AuraFlowPipeline(
        transformer=transformer,
        scheduler=flow_scheduler(shift=1.73),
        vae=tiny_vae(4, scaling_factor=0.13025),
        text_encoder=UMT5EncoderModel(text),
        tokenizer=build_t5(),
    )
    return save_tiny(pipeline, tmp_path_factory.mktemp("aura"))


def plain_pipeline(folder: Path) -> Any:
    from diffusers import AuraFlowPipeline

    pipeline = AuraFlowPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def test_it_is_shorter_than_100_lines() -> None:
    assert count_lines("example-family") < 100


def test_without_the_package_its_pipeline_is_not_supported(aura_flow: Path) -> None:
    with pytest.raises(DreambenchError, match=r"AuraFlowPipeline is not supported; .*adds a family"):
        open_base(BaseSpec(model=str(aura_flow)))


def test_what_it_learns_is_what_the_pipeline_follows(installed, aura_flow: Path) -> None:
    """One step of the plain pipeline from noise to the image takes the whole predicted velocity away."""
    base = open_base(BaseSpec(model=str(aura_flow)))
    assert base.family.name == "aura-flow"
    noise = torch.randn(1, 4, IMAGE_SIZE // 2, IMAGE_SIZE // 2, generator=torch.Generator().manual_seed(1))
    told = base.family.encode(base.text_pipeline(), ["a red dog"], "cpu")
    noisy = Noisy(noise, torch.tensor([1000.0]), torch.zeros_like(noise))
    with torch.no_grad():
        velocity = base.family.predict(base.frozen("transformer"), noisy, told, IMAGE_SIZE)
    drawn = plain_pipeline(aura_flow)(
        prompt="a red dog",
        latents=noise,
        num_inference_steps=1,
        guidance_scale=1.0,
        height=IMAGE_SIZE,
        width=IMAGE_SIZE,
        output_type="latent",
    ).images
    assert velocity.std() > 0.05
    torch.testing.assert_close(noise - velocity, drawn, atol=1e-4, rtol=1e-4)


def test_adapters_of_two_subjects_are_trained_drawn_and_scored(
    site: Path, aura_flow: Path, tiny: dict[str, str], tmp_path: Path
) -> None:
    encoders = models.options({k: v for k, v in tiny.items() if k not in ("base", "image_size")})
    words = [
        *("run", "--preset", "paper-sd15", "--method", "dreambooth-lora", "--base", str(aura_flow)),
        *("--data", tiny["data"], "--subjects", "dog,vase", "--prompts", "0,3", "--images-per-prompt", "1"),
        *("--metrics", "dino,clip_t", *encoders, *(word for s in SMALL for word in ("--set", s))),
        *("--out", str(tmp_path / "run"), "--keep-checkpoints"),
    ]
    done = run_commands([words], site)
    assert done.returncode == 0, done.stderr
    run = open_run(tmp_path / "run")
    scores = run.scores("images")
    assert sorted(set(scores["subject"])) == ["dog", "vase"]
    assert scores[["dino", "clip_t"]].notna().all(axis=None)

    pipeline = plain_pipeline(aura_flow)
    row = scores.query("subject == 'vase' and prompt_index == 3").iloc[0]
    kept = np.asarray(Image.open(tmp_path / "run" / "images" / "vase" / "03-0.png")).astype(int)

    def difference() -> np.ndarray:
        size = {"height": IMAGE_SIZE, "width": IMAGE_SIZE, "num_inference_steps": 2}
        rng = torch.Generator().manual_seed(int(row["seed"]))
        scale = run.record.spec.sampler.guidance_scale
        drawn = pipeline(prompt=row["prompt"], generator=rng, guidance_scale=scale, **size)
        return np.abs(kept - np.asarray(drawn.images[0]).astype(int))

    without = difference()
    pipeline.load_lora_weights(
        tmp_path / "run" / "checkpoints" / "vase", weight_name="pytorch_lora_weights.safetensors"
    )
    assert difference().max() <= 2
    assert difference().sum() < without.sum()
