"""DreamSim by its own package, with random weights in its own layout; and without the package."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from dreambench.errors import DreambenchError
from dreambench.metrics.dreamsim import DreamSimSpec
from dreambench.models.encoders.dreamsim_encoder import DreamSimWeights
from dreambench.models.weights import missing_weights, with_fingerprints
from dreambench.spec.registries import get_metric
from dreambench.spec.signature import protocol_fields
from tests.metrics.material import noise, score

MODEL = "clip_vitb32"  # it needs neither torch.hub nor a large network


def protocol(tiny_models, *metrics: str, model: str = MODEL):
    asked = tiny_models.protocol(*(metrics or ("dreamsim",)))
    return asked.with_encoder_specs({"dreamsim": DreamSimSpec(model=model)})


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's folder with a random network and random LoRA weights, as its checkpoints have them."""
    pytest.importorskip("dreamsim")
    from dreamsim.feature_extraction.vision_transformer import vit_base
    from dreamsim.model import PerceptualModel, dreamsim_args
    from peft import LoraConfig, get_peft_model

    folder = tmp_path_factory.mktemp("cache")
    own = folder / "dreamsim"
    own.mkdir()
    torch.manual_seed(0)
    vit = vit_base(patch_size=32)
    vit.pos_drop = torch.nn.LayerNorm(vit.embed_dim)
    state = {**vit.state_dict(), "proj": torch.randn(768, 512) / 28}
    torch.save({"state_dict": state}, own / f"{MODEL}_pretrain.pth.tar")
    settings = dreamsim_args["model_config"][MODEL]
    model = PerceptualModel(**settings, device="cpu", load_dir=str(own), normalize_embeds=True)
    adapted = get_peft_model(model, LoraConfig(r=4, lora_alpha=0.5, target_modules=["qkv"]))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    adapted.save_pretrained(str(own / f"{MODEL}_single_lora"))
    return folder


@pytest.mark.slow
def test_it_is_the_mean_of_the_packages_distances(cache, run, material, tiny_models, monkeypatch, capsys):
    monkeypatch.setenv("DREAMBENCH_CACHE", str(cache))
    hub = torch.hub.get_dir()
    assert missing_weights(protocol(tiny_models)) == []
    score(run, material, protocol(tiny_models), priors={})
    assert capsys.readouterr().out == ""  # the package prints; stdout may be JSON
    assert torch.hub.get_dir() == hub
    from dreamsim import dreamsim

    model, prepare = dreamsim(device="cpu", cache_dir=str(cache / "dreamsim"), dreamsim_type=MODEL)

    @torch.inference_mode()
    def distance(a: Path, b: Path) -> float:
        return float(model(prepare(Image.open(a)), prepare(Image.open(b))))

    images = run.scores("images")
    for index in (0, 4, 11):
        cell = material.cells[index]
        own = material.photos[cell.subject]
        expected = sum(distance(cell.file, photo) for photo in own) / len(own)
        assert images["dreamsim"][index] == pytest.approx(expected, abs=1e-5)
    assert images["dreamsim"].std() > 1e-4
    a, b = material.photos["dog"][:2]
    assert run.scores("photos")["dreamsim"][0] == pytest.approx(distance(a, b), abs=1e-5)


@pytest.mark.slow
def test_one_image_and_several_have_the_same_embeddings(cache, monkeypatch):
    monkeypatch.setenv("DREAMBENCH_CACHE", str(cache))
    encoder = get_metric("dreamsim").load_encoder(DreamSimSpec(model=MODEL), "cpu")
    images = [noise(name, 90, 70) for name in ("a", "b")]
    both = encoder.embed_images(images)
    assert both.shape == (2, 512)
    assert torch.allclose(encoder.embed_images(images[1:])[0], both[1], atol=1e-5)
    with pytest.raises(TypeError, match="RGB"):
        encoder.preprocess(Image.new("L", (9, 9)))


@pytest.mark.slow
def test_damaged_weights_are_one_line(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path))
    (tmp_path / "dreamsim" / f"{MODEL}_single_lora").mkdir(parents=True)
    (tmp_path / "dreamsim" / f"{MODEL}_pretrain.pth.tar").write_bytes(b"no weights")
    with pytest.raises(DreambenchError, match=rf"dreamsim\.model={MODEL}: dreamsim cannot load it") as raised:
        get_metric("dreamsim").load_encoder(DreamSimSpec(model=MODEL), "cpu")
    assert "\n" not in str(raised.value)


def test_without_the_package_it_is_said_before_anything_is_computed(tiny_models, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == "dreamsim" else find(n))
    with pytest.raises(DreambenchError, match=r"not installed; pip install 'dreambench\[dreamsim\]'"):
        with_fingerprints(protocol(tiny_models))
    assert "not installed" in missing_weights(protocol(tiny_models))[0]


def test_a_download_is_announced_and_the_model_is_in_the_signature(tmp_path, monkeypatch, tiny_models):
    monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path))
    assert DreamSimWeights("ensemble").cached() is None
    (tmp_path / "dreamsim" / "ensemble_lora").mkdir(parents=True)
    assert DreamSimWeights("ensemble").cached() == tmp_path / "dreamsim" / "ensemble_lora"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(importlib.metadata, "version", lambda name: {"dreamsim": "0.2.1"}[name])
    asked = with_fingerprints(protocol(tiny_models, model="ensemble"))
    assert protocol_fields(asked)["dreamsim"] == "ensemble/0.2.1"


def test_the_distance_of_an_image_to_itself_is_zero_and_lower_is_better():
    metric, rows = get_metric("dreamsim"), torch.eye(3)
    assert metric.score(rows[:2], rows[:1]) == [0.0, 1.0]
    assert metric.photo_pairs(rows) == [(0, 1, 1.0), (0, 2, 1.0), (1, 2, 1.0)]
    assert not metric.higher_is_better
    assert json.loads(DreamSimSpec().model_dump_json())["weights"] == "hub"
