"""Weights files: safetensors only, whole, of the right architecture and activation, or one clear line."""

from __future__ import annotations

import hashlib

import open_clip
import pytest
import torch
from safetensors.torch import load_file, save_file

from dreambench.errors import DreambenchError
from dreambench.models.encoders import clip_encoder as clip_module
from dreambench.models.encoders.clip_encoder import load_clip
from dreambench.models.encoders.dino_encoder import load_dino
from dreambench.models.encoders.lpips_network import load_lpips
from dreambench.models.encoders.weight_files import is_local
from dreambench.models.weights import with_fingerprints
from dreambench.paths import sha256_of
from dreambench.spec.protocol_spec import ClipSpec, DinoSpec, LpipsSpec, ProtocolSpec
from tests.material.tiny_encoders import FULL_DINO_MODEL


def one_line(error: DreambenchError) -> str:
    assert "\n" not in str(error)
    return str(error)


def test_a_file_is_told_from_a_tag_or_a_name():
    assert is_local("x.safetensors")
    assert is_local("/some/where")
    assert is_local("ViT-B-32.pt")
    assert not is_local("openai")
    assert not is_local("hub")
    assert not is_local("laion2b_s34b_b79k")


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt"])
def test_pickles_are_refused_with_the_way_to_convert_them(tmp_path, suffix):
    file = tmp_path / f"model{suffix}"
    torch.save({"a": torch.zeros(1)}, file)
    loaders = (
        lambda: load_clip(ClipSpec(weights=str(file)), "cpu"),
        lambda: load_dino(DinoSpec(weights=str(file)), "cpu"),
        lambda: load_lpips(LpipsSpec(weights=str(file)), "cpu"),
        lambda: with_fingerprints(ProtocolSpec(clip=ClipSpec(weights=str(file)))),
    )
    for load in loaders:
        with pytest.raises(DreambenchError, match=r"pickle.*save_file") as caught:
            load()
        one_line(caught.value)


def test_a_file_of_the_right_model_in_the_names_of_transformers_is_told_so(tmp_path):
    from transformers import CLIPConfig, CLIPModel, ViTConfig, ViTModel

    layers = {"num_hidden_layers": 1, "hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 32}
    ViTModel(ViTConfig(**layers)).save_pretrained(tmp_path / "dino")
    CLIPModel(CLIPConfig(text_config=layers, vision_config=layers)).save_pretrained(tmp_path / "clip")
    remedy = "the names are those of transformers: give the file that timm or open_clip publishes"
    with pytest.raises(DreambenchError, match=remedy):
        load_dino(DinoSpec(weights=str(tmp_path / "dino" / "model.safetensors")), "cpu")
    weights = str(tmp_path / "clip" / "model.safetensors")
    with pytest.raises(DreambenchError, match=remedy):
        load_clip(ClipSpec(model="ViT-B-32-quickgelu", weights=weights), "cpu")


def test_a_missing_a_damaged_and_a_foreign_file_are_one_line(tmp_path, tiny_models):
    with pytest.raises(DreambenchError, match=r"protocol\.dino\.weights: there is no file"):
        load_dino(DinoSpec(weights=str(tmp_path / "no.safetensors")), "cpu")
    damaged = tmp_path / "cut.safetensors"
    damaged.write_bytes(tiny_models.dino.read_bytes()[:1000])
    with pytest.raises(DreambenchError, match=r"cut\.safetensors is damaged"):
        load_dino(DinoSpec(weights=str(damaged)), "cpu")
    with pytest.raises(DreambenchError, match=r"in vit_small_patch16_224.dino does not fit: \d+ tensors"):
        load_dino(DinoSpec(weights=str(tiny_models.dino)), "cpu")
    with pytest.raises(DreambenchError, match=r"in LPIPS vgg does not fit"):
        load_lpips(LpipsSpec(net="vgg", weights=str(tiny_models.lpips)), "cpu")
    with pytest.raises(DreambenchError, match=r"vit_smal.* is not a model of timm; did you mean 'vit_small"):
        load_dino(DinoSpec(model="vit_smal_patch16_224.dino"), "cpu")
    with pytest.raises(DreambenchError, match=r"not a model of open_clip; did you mean 'ViT-B-32"):
        load_clip(ClipSpec(model="VIT-B-32"), "cpu")


def test_the_crop_must_be_the_models_input_size(tiny_models):
    spec = tiny_models.protocol().dino
    with pytest.raises(DreambenchError, match=r"crop=48 is not tiny-dino's input size \(56 x 56\)"):
        load_dino(spec.model_copy(update={"crop": 48}), "cpu")
    with pytest.raises(DreambenchError, match="resize=40 is smaller than the crop"):
        load_dino(spec.model_copy(update={"resize": 40}), "cpu")


# -- QuickGELU ------------------------------------------------------------------------------------


def test_openai_by_tag_gets_quick_gelu_whatever_the_name_says():
    for name in ("ViT-B-32", "ViT-B-32-quickgelu"):
        config, _ = clip_module.named_architecture(ClipSpec(model=name, weights="openai"))
        assert config["quick_gelu"] is True
    config, _ = clip_module.named_architecture(ClipSpec(model="ViT-B-32", weights="laion2b_s34b_b79k"))
    assert config["quick_gelu"] is False


def test_the_activation_reaches_the_model(tmp_path, tiny_models):
    model = load_clip(tiny_models.protocol().clip, "cpu").model
    assert isinstance(model.visual.transformer.resblocks[0].mlp.gelu, open_clip.transformer.QuickGELU)


def test_a_file_for_a_name_with_a_quickgelu_twin_is_refused(tmp_path):
    file = tmp_path / "openai.safetensors"
    save_file({"a": torch.zeros(1)}, file)
    with pytest.raises(DreambenchError, match=r"--set protocol\.clip\.model=ViT-B-32-quickgelu") as caught:
        load_clip(ClipSpec(model="ViT-B-32", weights=str(file)), "cpu")
    one_line(caught.value)
    # Said explicitly, the same name is taken: the next obstacle is the file's content.
    for name, activation in (("ViT-B-32", "gelu"), ("ViT-B-32-quickgelu", "quick_gelu")):
        save_file({"a": torch.zeros(1)}, file, metadata={"activation": activation})
        assert clip_module.local_architecture(
            ClipSpec(model=name, weights=str(file)), file, {"activation": activation}
        )[0]["quick_gelu" if "quick" in name else "embed_dim"]
    with pytest.raises(DreambenchError, match="says activation: gelu"):
        clip_module.local_architecture(
            ClipSpec(model="ViT-B-32-quickgelu", weights=str(file)), file, {"activation": "gelu"}
        )


# -- fingerprints ---------------------------------------------------------------------------------


def test_fingerprints_of_every_file_that_is_there(tiny_models, tmp_path):
    filled = with_fingerprints(tiny_models.protocol("dino", "pres"))
    assert filled.dino.fingerprint == hashlib.sha256(tiny_models.dino.read_bytes()).hexdigest()
    # Not needed for these metrics, but one protocol is to have one signature.
    assert filled.clip.fingerprint == hashlib.sha256(tiny_models.clip.read_bytes()).hexdigest()
    absent = ProtocolSpec(metrics=("dino",), lpips=LpipsSpec(weights=str(tmp_path / "no.safetensors")))
    assert with_fingerprints(absent).lpips.fingerprint is None
    assert with_fingerprints(ProtocolSpec()) == ProtocolSpec()
    assert with_fingerprints(filled) == filled


def test_a_file_that_changed_since_is_refused(tiny_models, tmp_path):
    file = tmp_path / "dino.safetensors"
    file.write_bytes(tiny_models.dino.read_bytes())
    spec = tiny_models.protocol().dino.model_copy(
        update={"weights": str(file), "fingerprint": sha256_of(file)}
    )
    load_dino(spec, "cpu")
    state = {name: tensor + 1 for name, tensor in load_file(file).items()}
    save_file(state, file, metadata={"timm_config": "{}"})
    with pytest.raises(DreambenchError, match="SHA-256 differs"):
        load_dino(spec, "cpu")


def test_the_key_follows_content_and_transform_not_the_path(tiny_models):
    protocol = with_fingerprints(tiny_models.protocol())

    def key(**changes: object) -> str:
        changed = protocol.dino.model_copy(update=changes)
        return protocol.with_encoder_specs({"dino": changed}).encoder_key("dino")

    assert key() == key(weights="/moved.safetensors")
    others = {key(fingerprint="0" * 64), key(resize=60), key(model=FULL_DINO_MODEL)}
    assert len(others | {key()}) == 4
