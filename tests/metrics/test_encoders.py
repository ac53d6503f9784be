"""The encoders against the libraries' own models: transforms, class token, texts, LPIPS, wrong input."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torchvision.transforms import functional as F

from dreambench.errors import DreambenchError
from dreambench.metrics.div import Div
from dreambench.models.encoders.clip_encoder import load_clip
from dreambench.models.encoders.dino_encoder import DinoEncoder, load_dino
from dreambench.models.encoders.image_encoder import WithoutRandomWeights
from dreambench.models.encoders.lpips_network import LpipsNetwork, image_pixels, load_lpips
from dreambench.spec.protocol_spec import LpipsSpec
from tests.metrics.material import noise


@pytest.fixture(scope="session")
def clip(tiny_models):
    return load_clip(tiny_models.protocol().clip, "cpu")


@pytest.fixture(scope="session")
def dino(tiny_models):
    return load_dino(tiny_models.protocol().dino, "cpu")


@pytest.fixture(scope="session")
def lpips(tiny_models):
    return load_lpips(tiny_models.protocol().lpips, "cpu")


@pytest.mark.parametrize("size", [(500, 333), (333, 500), (256, 256), (97, 640)])
def test_dino_transform_is_r256c224(size):
    encoder = DinoEncoder(torch.nn.Identity(), 256, 224, torch.device("cpu"))
    image = noise("transform", *size)
    short = F.resize(image, 256, F.InterpolationMode.BICUBIC)  # PIL's resize, which antialiases
    left, top = round((short.width - 224) / 2), round((short.height - 224) / 2)
    array = np.asarray(short.crop((left, top, left + 224, top + 224)), dtype=np.float32) / 255
    expected = (array - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])
    assert min(short.size) == 256
    np.testing.assert_allclose(encoder.preprocess(image), expected.transpose(2, 0, 1), atol=1e-6)


def test_tiny_transforms_on_photos(clip, dino, by_hand, material):
    for file in [material.photos["dog"][0], material.cells[0].file]:
        image = Image.open(file).convert("RGB")
        torch.testing.assert_close(clip.preprocess(image), by_hand.clip_pixels(file), atol=1e-6, rtol=0)
        torch.testing.assert_close(dino.preprocess(image), by_hand.dino_pixels(file), atol=1e-6, rtol=0)


def test_class_token_is_the_one_after_the_final_norm(dino, by_hand, material):
    file = material.cells[0].file
    embedding = dino.embed_images([Image.open(file)])[0]
    np.testing.assert_allclose(embedding, by_hand.dino(file), atol=1e-6)


def test_the_papers_dino_has_no_head_between_norm_and_embedding():
    torch.manual_seed(0)
    model = timm.create_model("vit_small_patch16_224.dino", num_classes=0).eval()
    encoder = DinoEncoder(model, 256, 224, torch.device("cpu"))
    batch = torch.randn(1, 3, 224, 224)
    kept = []
    model.norm.register_forward_hook(lambda module, inputs, output: kept.append(output[:, 0]))
    embedding = encoder.forward(batch)
    assert torch.equal(embedding, kept[0])
    with torch.no_grad():
        assert torch.equal(embedding, model(batch))


def test_clip_embeds_images_and_texts_as_open_clip_does(clip, by_hand, material):
    files = [cell.file for cell in material.cells[:3]]
    images = clip.embed_images([Image.open(file) for file in files])
    assert images.dtype == torch.float32
    np.testing.assert_allclose(images, np.stack([by_hand.clip(file) for file in files]), atol=1e-5)
    texts = ["a dog in the jungle", "a teapot"]
    np.testing.assert_allclose(
        clip.embed_texts(texts), np.stack([by_hand.text(text) for text in texts]), atol=1e-5
    )


def test_text_longer_than_the_context_is_refused(clip):
    assert clip.embed_texts(["dog " * 75]).shape == (1, 32)
    with pytest.raises(DreambenchError, match=r"has 78 tokens, CLIP reads 77"):
        clip.embed_texts(["dog " * 76])


def test_a_model_whose_weights_come_from_a_file_draws_none_first(tiny_models):
    protocol = tiny_models.protocol()
    before = torch.random.get_rng_state()
    network, model = load_lpips(protocol.lpips, "cpu").network, load_dino(protocol.dino, "cpu").model
    assert torch.equal(torch.random.get_rng_state(), before)
    weights = [*network.parameters(), *model.parameters()]
    assert all(torch.isfinite(each).all() for each in weights)


@pytest.mark.parametrize("layer", [partial(torch.nn.Linear, 4, 4), partial(torch.nn.Conv2d, 3, 4, 2)])
def test_only_in_that_context_are_no_weights_drawn(layer):
    before = torch.random.get_rng_state()
    with WithoutRandomWeights():
        layer()
    assert torch.equal(torch.random.get_rng_state(), before)
    layer()
    assert not torch.equal(torch.random.get_rng_state(), before)


def test_wrong_input_is_refused_by_type_and_shape(clip, dino, lpips):
    for preprocess in (clip.preprocess, dino.preprocess, image_pixels):
        with pytest.raises(TypeError, match="RGB"):
            preprocess(Image.new("L", (64, 64)))
        with pytest.raises(TypeError, match="PIL"):
            preprocess(np.zeros((64, 64, 3), np.uint8))
    for encoder in (clip, dino):
        with pytest.raises(TypeError, match="float32"):
            encoder.forward(torch.zeros(1, 3, 64, 64, dtype=torch.float16))
        with pytest.raises(ValueError, match="forward takes"):
            encoder.forward(torch.zeros(1, 3, 32, 32))
    with pytest.raises(TypeError, match="uint8"):
        lpips.features(torch.zeros(1, 3, 64, 64))
    with pytest.raises(TypeError, match="strings"):
        clip.embed_texts([b"dog"])


def test_lpips_pairs_equal_the_librarys_forward(lpips, by_hand, material):
    files = [cell.file for cell in material.cells[:3]]
    batch = torch.stack([image_pixels(Image.open(file)) for file in files])
    features = lpips.features(batch)
    for i in range(3):
        for j in range(3):
            value = lpips.distance(*([layer[[k]] for layer in features] for k in (i, j)))
            assert float(value) == pytest.approx(by_hand.lpips(files[i], files[j]), abs=1e-6)
    group = Div().distances(list(batch), files, lpips, batch_size=2)
    assert list(group) == [(0, 1), (0, 2), (1, 2)]
    for (i, j), value in group.items():
        assert value == pytest.approx(by_hand.lpips(files[i], files[j]), abs=1e-6)
        assert value > 0


def test_lpips_trunk_alone_gets_the_librarys_linear_layers(tiny_models, tmp_path, lpips):
    whole = load_file(tiny_models.lpips)
    trunk = {
        "features." + name.split(".", 2)[2]: tensor
        for name, tensor in whole.items()
        if name.startswith("net.")
    }
    assert "features.0.weight" in trunk
    # A whole AlexNet has a classifier as well, which LPIPS does not use.
    save_file({**trunk, "classifier.6.bias": torch.zeros(3)}, tmp_path / "trunk.safetensors")
    other = load_lpips(LpipsSpec(weights=str(tmp_path / "trunk.safetensors")), "cpu")
    batch = torch.stack([image_pixels(noise(str(i), 64, 64)) for i in range(2)])
    assert torch.equal(_distance(other, batch), _distance(lpips, batch))


def _distance(network: LpipsNetwork, batch: torch.Tensor) -> torch.Tensor:
    features = network.features(batch)
    return network.distance(*([layer[[k]] for layer in features] for k in (0, 1)))


def test_lpips_of_unequal_or_too_small_images_is_one_line(lpips):
    images = [image_pixels(noise("a", 64, 64)), image_pixels(noise("b", 64, 72))]
    with pytest.raises(DreambenchError, match=r"a.png \(64 x 64\) and b.png \(64 x 72\).*differ in size"):
        Div().distances(images, [Path("a.png"), Path("b.png")], lpips, 32)
    images = [image_pixels(noise(name, 16, 16)) for name in "ab"]
    small = r"a.png: images of 16 x 16 pixels are too small for LPIPS; .* --set protocol.lpips.size=64"
    with pytest.raises(DreambenchError, match=small):
        Div().distances(images, [Path("a.png"), Path("b.png")], lpips, 32)
