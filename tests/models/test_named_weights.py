"""Weights by name: where they are downloaded from, and what is said without a network."""

from __future__ import annotations

import sys

import huggingface_hub
import pytest
import torch
from torchvision.models import AlexNet_Weights, SqueezeNet1_1_Weights, VGG16_Weights

from dreambench.errors import DreambenchError
from dreambench.models.encoders import named_weights
from dreambench.models.encoders.clip_encoder import load_clip
from dreambench.models.encoders.dino_encoder import load_dino
from dreambench.models.encoders.downloads import HubFile, torch_hub
from dreambench.models.encoders.lpips_network import load_lpips
from dreambench.models.encoders.named_weights import (
    clip_download,
    dino_download,
    lpips_download,
)
from dreambench.models.encoders.weight_files import is_local
from dreambench.models.weights import missing_weights
from dreambench.spec.protocol_spec import ClipSpec, DinoSpec, LpipsSpec, ProtocolSpec
from dreambench.spec.protocols import protocol_names, read_protocol
from dreambench.spec.registries import get_metric


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """An empty cache, and every request fails at once."""

    def fail(*args, **options):
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", fail)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *args, **options: None)
    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))


def one_line(error: DreambenchError) -> str:
    assert "\n" not in str(error)
    return str(error)


# -- without a network ----------------------------------------------------------------------------


def test_without_a_network_the_line_names_the_file_and_the_option(no_network):
    with pytest.raises(
        DreambenchError,
        match=r"hf download timm/vit_base_patch32_clip_224.openai open_clip_model.safetensors.*"
        r"--set protocol.clip.model=ViT-B-32-quickgelu --set protocol.clip.weights=FILE",
    ) as caught:
        load_clip(ClipSpec(), "cpu")
    one_line(caught.value)
    with pytest.raises(
        DreambenchError, match=r"hf download timm/vit_small_patch16_224.dino model.safetensors"
    ):
        load_dino(DinoSpec(), "cpu")
    with pytest.raises(DreambenchError, match=r"alexnet-owt-7be5be79.pth could not be downloaded"):
        load_lpips(LpipsSpec(), "cpu")


def test_what_is_written_down_is_what_the_libraries_say(monkeypatch):
    clip_names, dino_names, trunks = named_weights._CLIP, named_weights._TIMM, named_weights._TRUNKS
    clip = {key: clip_download(ClipSpec(model=key[0], weights=key[1])) for key in clip_names}
    dino = {name: dino_download(DinoSpec(model=name)) for name in dino_names}
    monkeypatch.setattr(named_weights, "_CLIP", {})
    monkeypatch.setattr(named_weights, "_TIMM", frozenset())
    assert clip == {key: clip_download(ClipSpec(model=key[0], weights=key[1])) for key in clip}
    assert dino == {name: dino_download(DinoSpec(model=name)) for name in dino}
    own = (AlexNet_Weights, VGG16_Weights, SqueezeNet1_1_Weights)
    assert list(trunks.values()) == [weights.IMAGENET1K_V1.url for weights in own]


def test_a_protocol_of_the_package_s_own_needs_no_library_to_name_its_weights():
    specs = [ProtocolSpec.model_validate(read_protocol(name)) for name in protocol_names()]
    settings = [get_metric(name).Settings() for name in ("dinov2", "dinov3", "siglip2", "clip_large")]
    settings += [each for spec in specs for each in (spec.clip, spec.dino, *spec.encoders.values())]
    named = [each for each in settings if not is_local(each.weights)]
    assert {(s.model, s.weights) for s in named if isinstance(s, ClipSpec)} == set(named_weights._CLIP)
    assert {s.model for s in named if isinstance(s, DinoSpec)} == set(named_weights._TIMM)


def test_the_sources_are_those_of_the_libraries():
    assert clip_download(ClipSpec()) == HubFile(
        "timm/vit_base_patch32_clip_224.openai",
        "open_clip_model.safetensors",
        "protocol.clip.weights",
        "--set protocol.clip.model=ViT-B-32-quickgelu --set protocol.clip.weights=FILE",
    )
    assert dino_download(DinoSpec()).repo == "timm/vit_small_patch16_224.dino"
    assert lpips_download(LpipsSpec()).url.endswith("/alexnet-owt-7be5be79.pth")
    with pytest.raises(DreambenchError, match=r"neither a tag of ViT-B-32 nor a file; its tags: openai"):
        clip_download(ClipSpec(weights="openia"))
    with pytest.raises(DreambenchError, match="neither `hub` nor a file"):
        dino_download(DinoSpec(weights="hubb"))


def test_missing_weights_for_plan(no_network, tiny_models, tmp_path):
    lines = missing_weights(ProtocolSpec())
    assert len(lines) == 3
    assert any(
        "open_clip_model.safetensors of timm/vit_base_patch32_clip_224.openai" in line for line in lines
    )
    assert len(missing_weights(ProtocolSpec(metrics=("dino", "pres")))) == 1
    assert missing_weights(tiny_models.protocol()) == []
    absent = ProtocolSpec(metrics=("div",), lpips=LpipsSpec(weights=str(tmp_path / "no.safetensors")))
    assert "there is no file" in missing_weights(absent)[0]


@pytest.mark.parametrize(
    "changed", [{}, {"XDG_CACHE_HOME": "/x/cache"}, {"TORCH_HOME": "/x/torch", "XDG_CACHE_HOME": "/x/cache"}]
)
def test_torchs_folder_of_downloads_is_known_without_torch(changed: dict[str, str], monkeypatch) -> None:
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    with_torch = torch_hub()
    monkeypatch.delitem(sys.modules, "torch")
    assert torch_hub() == with_torch
