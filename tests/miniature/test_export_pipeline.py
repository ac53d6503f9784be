"""What is exported loads in diffusers, open_clip, timm and lpips, in dreambench, and fits its limit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dreambench.errors import DreambenchError
from dreambench.models.base_model import open_base
from dreambench.models.encoders.clip_encoder import load_clip
from dreambench.models.encoders.dino_encoder import load_dino
from dreambench.models.encoders.lpips_network import image_pixels, load_lpips
from dreambench.spec.protocol_spec import ClipSpec, DinoSpec, LpipsSpec
from dreambench.spec.run_spec import BaseSpec
from miniature.train import export_pipeline as exporting
from miniature.train import tokenizer as trimmed
from miniature.train.data import render_shard
from miniature.train.stage import TrainingSession
from miniature.train.train_clip import load_text_tower
from miniature.train.train_vae import build_vae
from tests.miniature.conftest import QUIET

pytestmark = pytest.mark.slow


def test_the_export_is_a_plain_pipeline(exported: Path) -> None:
    from diffusers import DDPMScheduler, StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(exported / "pipeline")
    pipeline.set_progress_bar_config(disable=True)
    assert {part.dtype for part in (pipeline.unet, pipeline.vae, pipeline.text_encoder)} == {torch.float32}
    assert pipeline.vae.config.latent_channels == 4
    assert pipeline.scheduler.config.prediction_type == "v_prediction"
    image = pipeline("a sks dog", num_inference_steps=2, output_type="np").images[0]
    assert image.shape == (64, 64, 3)
    # What diffusers' own DreamBooth script trains with.
    noising = DDPMScheduler.from_pretrained(exported / "pipeline", subfolder="scheduler")
    assert noising.config.prediction_type == "v_prediction"
    assert pipeline.unet.config.out_channels == pipeline.unet.config.in_channels == 4
    base = open_base(BaseSpec(model=str(exported / "pipeline")))
    assert base.family.schedule(base.scheduler).config.prediction_type == "v_prediction"
    assert base.tokenizer.model_max_length == trimmed.CONTEXT_LENGTH
    for file in exported.rglob("*.safetensors"):
        assert {t.dtype for t in load_file(file).values()} == {torch.float16}


def test_the_encoders_load_in_their_own_libraries(exported: Path, work: Path) -> None:
    import lpips
    import open_clip
    import timm
    from transformers import CLIPTextModel

    weights = load_file(exported / "encoders" / "clip.safetensors")
    config = json.loads(_metadata(exported / "encoders" / "clip.safetensors")["open_clip_config"])
    clip = open_clip.CLIP(**config["model_cfg"])
    clip.load_state_dict(weights)
    config = json.loads(_metadata(exported / "encoders" / "dino.safetensors")["timm_config"])
    timm.create_model(config["architecture"], num_classes=0, **config["model_args"]).load_state_dict(
        load_file(exported / "encoders" / "dino.safetensors")
    )
    network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    network.load_state_dict(load_file(exported / "encoders" / "lpips.safetensors"), strict=False)

    # The text tower means the same in open_clip and in transformers.
    encoder = CLIPTextModel.from_pretrained(exported / "pipeline" / "text_encoder", dtype=torch.float32)
    load_text_tower(encoder, clip.state_dict())
    ids = torch.from_numpy(trimmed.token_ids(["a dog in the snow", "a red vase"]))
    with torch.inference_mode():
        pooled = encoder.eval()(ids).pooler_output @ clip.text_projection
        assert torch.allclose(pooled, clip.eval().encode_text(ids), atol=1e-4)


def test_the_encoders_load_in_dreambench(exported: Path) -> None:
    from PIL import Image

    folder = exported / "encoders"
    image = Image.fromarray(render_shard("text", 0, 0, 1).images[0])
    clip = load_clip(ClipSpec(model="clip-mini", weights=str(folder / "clip.safetensors")), "cpu")
    assert (
        clip.tokenizer.encode("a dog in the snow")
        == trimmed.tokenizer()("a dog in the snow")["input_ids"][1:-1]
    )
    assert clip.embed_texts(["a dog in the snow"]).shape == clip.embed_images([image]).shape
    dino = load_dino(
        DinoSpec(model="dino-mini", weights=str(folder / "dino.safetensors"), resize=64, crop=64), "cpu"
    )
    assert dino.embed_images([image]).shape == (1, 32)
    network = load_lpips(LpipsSpec(weights=str(folder / "lpips.safetensors")), "cpu")
    features = network.features(image_pixels(image)[None])
    assert network.distance(features, features).item() == 0


def test_clips_merges_must_lie_beside_its_weights(exported: Path, tmp_path: Path) -> None:
    alone = tmp_path / "clip.safetensors"
    alone.write_bytes((exported / "encoders" / "clip.safetensors").read_bytes())
    with pytest.raises(DreambenchError, match=r"needs its tokenizer's merges in .*clip-bpe.txt.gz"):
        load_clip(ClipSpec(model="clip-mini", weights=str(alone)), "cpu")


def _metadata(file: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(file, framework="pt") as opened:
        return dict(opened.metadata())


def test_an_export_that_is_too_large_leaves_the_old_one(
    exported: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = exporting.sizes(exported)
    monkeypatch.setattr(exporting, "LIMIT", 1000)
    with pytest.raises(DreambenchError, match="are allowed"):
        exporting.export(TrainingSession(work, toy=True), exported, QUIET)
    assert exporting.sizes(exported) == before
    assert sorted(path.name for path in exported.iterdir()) == ["encoders", "pipeline"]


def test_the_real_networks_fit_into_the_limit() -> None:
    from miniature.train.train_clip import build_clip
    from miniature.train.train_dino import build_dino
    from miniature.train.train_lpips import build_lpips
    from miniature.train.train_unet import Diffusion

    networks = (build_vae(), Diffusion(), build_clip(), build_dino(), build_lpips().net)
    bytes_ = sum(2 * p.numel() for network in networks for p in network.parameters())
    assert bytes_ < exporting.LIMIT - 300_000  # tokenizer and configurations
