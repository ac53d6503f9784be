"""DINOv2, DINOv3, SigLIP 2 and the larger CLIP against the libraries' own models."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from dreambench.errors import DreambenchError
from dreambench.models.encoders.clip_encoder import load_clip
from dreambench.spec.protocol_spec import ClipSpec
from tests.metrics.material import noise


@pytest.mark.parametrize(
    ("name", "architecture", "arguments"),
    [
        ("dinov2", "vit_small_patch14_dinov2", {"depth": 1, "embed_dim": 48, "num_heads": 3}),
        ("dinov3", "vit_small_patch16_dinov3", {"depth": 1, "embed_dim": 48, "num_heads": 3}),
    ],
)
def test_a_model_for_every_size_is_the_class_token_at_the_protocols(tmp_path, name, architecture, arguments):
    """Weights of 518 (or 256) pixels, used at 56 or 64: positions are resized, nothing else changes."""
    import json

    import timm
    from safetensors.torch import save_file

    from dreambench.spec.registries import get_metric

    torch.manual_seed(0)
    crop = 56 if name == "dinov2" else 64
    trained = timm.create_model(architecture, num_classes=0, **arguments)
    file = tmp_path / "weights.safetensors"
    config = {"architecture": architecture, "model_args": arguments}
    save_file(trained.state_dict(), file, metadata={"timm_config": json.dumps(config)})
    metric = get_metric(name)
    spec = metric.Settings(model="weights", weights=str(file), resize=crop, crop=crop)
    encoder = metric.load_encoder(spec, "cpu")
    image = Image.effect_noise((crop, crop), 90).convert("RGB")
    found = encoder.embed_images([image])
    same = timm.create_model(architecture, num_classes=0, img_size=crop, **arguments)
    same.load_state_dict(timm.models.vision_transformer.checkpoint_filter_fn(
        dict(trained.state_dict()), same, antialias=False
    ) if name == "dinov2" else trained.state_dict())  # fmt: skip
    with torch.inference_mode():
        expected = same.eval().forward_features(encoder.preprocess(image)[None])[:, 0]
    assert torch.allclose(found, expected, atol=1e-5)


def test_siglip_is_the_pooled_embedding_of_the_squeezed_image(tmp_path):
    import json

    from dreambench.spec.registries import get_metric

    torch.manual_seed(0)
    arguments = {"depth": 1, "embed_dim": 48, "num_heads": 3, "img_size": 64}
    model = timm.create_model("vit_base_patch16_siglip_224", num_classes=0, **arguments)
    file = tmp_path / "weights.safetensors"
    config = {"architecture": "vit_base_patch16_siglip_224", "model_args": arguments}
    save_file(model.state_dict(), file, metadata={"timm_config": json.dumps(config)})
    metric = get_metric("siglip2")
    spec = metric.Settings(model="weights", weights=str(file), resize=64, crop=64)
    encoder = metric.load_encoder(spec, "cpu")
    image = noise("a", 90, 70)
    squeezed = np.asarray(image.resize((64, 64), Image.Resampling.BICUBIC), dtype=np.float32) / 127.5 - 1
    pixels = torch.from_numpy(squeezed).permute(2, 0, 1)
    assert torch.allclose(encoder.preprocess(image), pixels, atol=1e-6)
    with torch.inference_mode():
        expected = model.eval()(pixels[None])
    assert torch.allclose(encoder.embed_images([image]), expected, atol=1e-5)


def test_a_model_without_attention_pooling_is_no_siglip(tiny_models):
    from dreambench.spec.registries import get_metric

    metric = get_metric("siglip2")
    spec = metric.Settings(model="tiny-dino", weights=str(tiny_models.dino), resize=56, crop=56)
    with pytest.raises(
        DreambenchError, match=r"protocol\.encoders\.siglip2\.model=tiny-dino has no attention"
    ):
        metric.load_encoder(spec, "cpu")


def test_the_larger_clip_is_named_where_its_settings_are(tiny_models, tmp_path):
    from dreambench.spec.registries import get_metric

    metric = get_metric("clip_large")
    spec = metric.Settings(model="tiny-clip", weights=str(tiny_models.clip))
    image = noise("a", 70, 70)
    same = load_clip(ClipSpec(model="tiny-clip", weights=str(tiny_models.clip)), "cpu")
    assert torch.equal(metric.load_encoder(spec, "cpu").embed_images([image]), same.embed_images([image]))
    absent = metric.Settings(weights=str(tmp_path / "absent.safetensors"))
    with pytest.raises(DreambenchError, match=r"protocol\.encoders\.clip_large\.weights: there is no file"):
        metric.load_encoder(absent, "cpu")
