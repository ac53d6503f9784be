"""CLIP and DINOv2 against the models of transformers, which three of the restated scripts use."""

from __future__ import annotations

import json
import math
from pathlib import Path

import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from dreambench.metrics.dinov2 import DinoV2, DinoV2Spec
from dreambench.models.encoders.clip_encoder import load_clip
from tests.material.tiny_encoders import CLIP_CONFIG
from tests.metrics.material import noise

State = dict[str, Tensor]
WORDS = ["a dog in the snow", "a cube shaped dog", "a dog's HAT, in a café", "a"]


def test_clip_is_transformers_clip(tiny_models, tmp_path: Path):
    from transformers import CLIPModel

    ours = load_clip(tiny_models.protocol().clip, "cpu")
    common = {"hidden_act": "quick_gelu", "num_hidden_layers": 2, "num_attention_heads": 4}
    size = CLIP_CONFIG["embed_dim"]
    seen = {"image_size": 64, "patch_size": 16, "hidden_size": 64, "intermediate_size": 256}
    read = {"hidden_size": 32, "intermediate_size": 128, "vocab_size": 49408, "eos_token_id": 2}
    config = {
        "model_type": "clip",
        "projection_dim": size,
        "text_config": {**common, **read, "projection_dim": size},
        "vision_config": {**common, **seen, "projection_dim": size},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file(_clip_names(load_file(tiny_models.clip)), tmp_path / "model.safetensors", {"format": "pt"})
    theirs = CLIPModel.from_pretrained(tmp_path).eval()
    pixels = torch.stack([ours.preprocess(noise(name, 64, 64)) for name in "ab"])
    texts = ours.tokenizer(WORDS)
    with torch.inference_mode():
        images = theirs.visual_projection(theirs.vision_model(pixels).pooler_output)
        words = theirs.text_projection(theirs.text_model(texts).pooler_output)
    torch.testing.assert_close(ours.forward(pixels), images, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours.embed_texts(WORDS), words, atol=1e-5, rtol=1e-5)


def test_dinov2_is_transformers_dinov2(tmp_path: Path):
    from transformers import Dinov2Model

    torch.manual_seed(0)
    name, arguments = "vit_small_patch14_dinov2", {"depth": 2, "embed_dim": 48, "num_heads": 3}
    model = timm.create_model(name, num_classes=0, init_values=1.0, **arguments)
    with torch.no_grad():  # positions and layers that matter
        for parameter in model.parameters():
            if parameter.ndim >= 2:
                parameter.normal_(std=1 / math.sqrt(parameter[0].numel() if parameter.ndim != 3 else 4))
    state = model.state_dict()
    made = {"timm_config": json.dumps({"architecture": name, "model_args": arguments})}
    save_file(state, tmp_path / "weights.safetensors", made)
    config = {"model_type": "dinov2", "hidden_size": 48, "num_attention_heads": 3, "num_hidden_layers": 2}
    (tmp_path / "config.json").write_text(json.dumps({**config, "image_size": 518, "patch_size": 14}))
    save_file(_dinov2_names(state), tmp_path / "model.safetensors", {"format": "pt"})
    weights = str(tmp_path / "weights.safetensors")
    ours = DinoV2().load_encoder(DinoV2Spec(model="weights", weights=weights, resize=64, crop=56), "cpu")
    pixels = torch.stack([ours.preprocess(noise(name, 80, 64)) for name in "ab"])
    with torch.inference_mode():
        theirs = Dinov2Model.from_pretrained(tmp_path).eval()(pixels).last_hidden_state[:, 0]
    torch.testing.assert_close(ours.forward(pixels), theirs, atol=1e-5, rtol=1e-5)


def _clip_names(state: State) -> State:
    """Return OpenAI's weights by the names that they have on the hub."""
    own = {
        "logit_scale": state["logit_scale"],
        "visual_projection.weight": state["visual.proj"].T,
        "text_projection.weight": state["text_projection"].T,
        "vision_model.embeddings.class_embedding": state["visual.class_embedding"],
        "vision_model.embeddings.patch_embedding.weight": state["visual.conv1.weight"],
        "vision_model.embeddings.position_embedding.weight": state["visual.positional_embedding"],
        "text_model.embeddings.token_embedding.weight": state["token_embedding.weight"],
        "text_model.embeddings.position_embedding.weight": state["positional_embedding"],
    }
    norms = {
        "vision_model.pre_layrnorm": "visual.ln_pre",
        "vision_model.post_layernorm": "visual.ln_post",
        "text_model.final_layer_norm": "ln_final",
    }
    layers = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj"}
    for tower, ours in (("vision_model", "visual."), ("text_model", "")):
        for i in range(2):
            there, here = f"{tower}.encoder.layers.{i}", f"{ours}transformer.resblocks.{i}"
            norms |= {f"{there}.{a}": f"{here}.{b}" for a, b in layers.items()}
            norms[f"{there}.self_attn.out_proj"] = f"{here}.attn.out_proj"
            for kind in ("weight", "bias"):
                parts = state[f"{here}.attn.in_proj_{kind}"].chunk(3)
                own |= {f"{there}.self_attn.{x}_proj.{kind}": p for x, p in zip("qkv", parts, strict=True)}
    return _contiguous(own | _pairs(state, norms))


def _dinov2_names(state: State) -> State:
    """Return timm's weights by the names that they have on the hub."""
    own = {
        "embeddings.cls_token": state["cls_token"],
        "embeddings.mask_token": torch.zeros(1, 48),
        "embeddings.position_embeddings": state["pos_embed"],
    }
    layers = {"embeddings.patch_embeddings.projection": "patch_embed.proj", "layernorm": "norm"}
    same = ("norm1", "norm2", "mlp.fc1", "mlp.fc2")
    for i in range(2):
        there, here = f"encoder.layer.{i}", f"blocks.{i}"
        layers |= {f"{there}.{part}": f"{here}.{part}" for part in same}
        layers[f"{there}.attention.output.dense"] = f"{here}.attn.proj"
        own |= {f"{there}.layer_scale{n}.lambda1": state[f"{here}.ls{n}.gamma"] for n in (1, 2)}
        for kind in ("weight", "bias"):
            parts = zip(("query", "key", "value"), state[f"{here}.attn.qkv.{kind}"].chunk(3), strict=True)
            own |= {f"{there}.attention.attention.{x}.{kind}": part for x, part in parts}
    return _contiguous(own | _pairs(state, layers))


def _pairs(state: State, names: dict[str, str]) -> State:
    kinds = ("weight", "bias")
    return {f"{there}.{kind}": state[f"{here}.{kind}"] for there, here in names.items() for kind in kinds}


def _contiguous(state: State) -> State:
    return {name: tensor.clone().contiguous() for name, tensor in state.items()}
