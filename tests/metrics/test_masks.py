"""Everything that a mask can lack, what a signature says of masks, and masks that rembg makes."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from dreambench.errors import DreambenchError
from dreambench.metrics import masked_similarity
from dreambench.metrics.masked_dino import MaskedDino
from dreambench.metrics.scorer import Scorer
from dreambench.models.weights import missing_weights, with_fingerprints
from dreambench.spec.file_metric import ScoredFile
from dreambench.spec.signature import protocol_fields
from tests.metrics.masked_material import dino_files, dino_spec, protocol_with


@pytest.fixture
def own_masks(masks: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(masks, tmp_path / "sam2-large"))


@pytest.mark.parametrize("content", [None, Image.new("L", (100, 72))])
def test_an_image_without_a_mask_or_with_an_empty_one_is_missing_and_said(
    own_masks, material, tiny_models, tmp_path, content
):
    mask = own_masks / "images" / "dog" / "00-1.png"
    mask.unlink()
    if content:
        content.save(mask)
    said: list[str] = []
    spec = dino_spec(tiny_models, own_masks)
    values = MaskedDino().score_files(dino_files(material), spec, tmp_path / "kept.json", said.append)
    assert math.isfinite(values[0])
    assert math.isnan(values[1])
    assert len(said) == 1
    assert str(mask) in said[0]
    assert said[0].endswith("; 1 score is missing")


def test_the_scores_of_a_run_are_kept_until_a_mask_changes(own_masks, material, tiny_models, tmp_path):
    spec, files, kept = dino_spec(tiny_models, own_masks), dino_files(material), tmp_path / "kept.json"
    first = MaskedDino().score_files(files, spec, kept, print)

    def no_encoder() -> None:
        raise AssertionError("nothing is to be computed")

    assert MaskedDino().score_with(files, spec, kept, print, no_encoder) == first
    Image.new("L", (100, 72), 255).save(own_masks / "images" / "dog" / "00-1.png")
    again = MaskedDino().score_files(files, spec, kept, print)
    assert again[0] == first[0]
    assert again[1] != first[1]
    kept.write_text("{")
    assert MaskedDino().score_files(files, spec, kept, print) == pytest.approx(again, abs=1e-6)


@pytest.mark.parametrize("changed", ["photo", "mask of a photo"])
def test_a_score_is_computed_again_where_a_photo_changes(own_masks, material, tiny_models, tmp_path, changed):
    photo = tmp_path / material.photos["dog"][0].name
    photo.write_bytes(material.photos["dog"][0].read_bytes())
    files = [replace(file, photos=(photo,)) for file in dino_files(material)]
    spec, kept = dino_spec(tiny_models, own_masks), tmp_path / "kept.json"
    first = MaskedDino().score_files(files, spec, kept, print)
    image = Image.open(photo)
    if changed == "photo":
        image.convert("RGB").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(photo)
    else:
        Image.new("L", image.size, 255).save(own_masks / "photos" / "dog" / f"{photo.stem}.png")
    again = MaskedDino().score_files(files, spec, kept, print)
    assert [a != b for a, b in zip(again, first, strict=True)] == [True, True]


def test_batches_change_no_score_and_leave_nothing_out(
    own_masks, material, tiny_models, tmp_path, monkeypatch
):
    spec, files = dino_spec(tiny_models, own_masks), dino_files(material, 3)
    whole = MaskedDino().score_files(files, spec, tmp_path / "whole.json", print)
    monkeypatch.setattr(masked_similarity, "_BATCH", 1)
    singly = MaskedDino().score_files(files, spec, tmp_path / "singly.json", print)
    assert singly == pytest.approx(whole, abs=1e-6)


def test_a_score_that_is_not_finite_is_an_error_and_not_a_missing_score(
    own_masks, material, tiny_models, tmp_path, monkeypatch
):
    monkeypatch.setattr(MaskedDino, "similarity", lambda self, image, photos: math.nan)
    kept = tmp_path / "kept.json"
    with pytest.raises(DreambenchError, match=r"Masked DINO of .*0-0\.png is nan"):
        MaskedDino().score_files(dino_files(material), dino_spec(tiny_models, own_masks), kept, print)
    assert not kept.exists()


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (None, "there is no mask"),
        (Image.new("L", (90, 90)), "is empty"),
        (Image.new("L", (40, 90), 255), "is 40 x 90, its image"),
        (Image.new("RGB", (90, 90), (255, 0, 0)), "has color"),
        (Image.new("RGBA", (90, 90), (255, 255, 255, 9)), "has transparency"),
    ],
)
def test_a_photo_needs_a_whole_gray_mask_of_its_size(
    own_masks, material, tiny_models, tmp_path, mask, message
):
    file = own_masks / "photos" / "dog" / f"{material.photos['dog'][1].stem}.png"
    file.unlink()
    if mask:
        size = Image.open(material.photos["dog"][1]).size
        mask = mask if "40 x" in message else mask.resize(size)
        mask.save(file)
    kept = tmp_path / "kept.json"
    with pytest.raises(DreambenchError, match=message) as raised:
        MaskedDino().score_files(dino_files(material), dino_spec(tiny_models, own_masks), kept, print)
    assert str(file) in str(raised.value)
    assert not kept.exists()


def test_masks_are_asked_for_before_anything_is_computed(tiny_models, tmp_path):
    for masks, message in (
        ("", r"protocol\.encoders\.masked_dino\.masks names no masks"),
        (str(tmp_path), r"has no folder photos"),
    ):
        spec = dino_spec(tiny_models, masks)
        protocol = protocol_with(tiny_models, "masked_dino", spec)
        with pytest.raises(DreambenchError, match=message):
            with_fingerprints(protocol)
        assert len(missing_weights(protocol)) == 1


def test_the_signature_says_how_masks_were_made(tiny_models, own_masks):
    spec = dino_spec(tiny_models, own_masks)
    for changes, expected in (
        ({}, "masks-sam2-large"),
        ({"made_by": "sam2.1-l"}, "masks-sam2.1-l"),
        ({"masks": "rembg", "rembg_model": "isnet-general-use"}, "masks-rembg-isnet-general-use"),
    ):
        protocol = protocol_with(tiny_models, "masked_dino", spec.model_copy(update=changes))
        field = protocol_fields(protocol)["masked_dino"]
        assert field.startswith("tiny-dino/")
        assert field.endswith(f"/r64c56/mask-and-box/{expected}")


def test_without_rembg_it_says_how_to_install_it(tiny_models, monkeypatch, tmp_path):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "rembg" else find(name))
    protocol = protocol_with(tiny_models, "masked_dino", dino_spec(tiny_models, "rembg"))
    with pytest.raises(DreambenchError, match=r"rembg is not installed.*dreambench\[rembg\]"):
        with_fingerprints(protocol)


def test_a_metric_of_files_has_no_place_in_a_training_loop(material, tiny_models, masks):
    protocol = protocol_with(tiny_models, "masked_dino", dino_spec(tiny_models, masks))
    with pytest.raises(DreambenchError, match="Masked DINO reads files"):
        Scorer(material.photos["dog"], "dog", protocol=protocol, device="cpu")


@pytest.fixture
def brightness_as_u2net(monkeypatch, tmp_path) -> Path:
    """rembg itself, with a tiny network in U2-Net's place: an image's mask is where it is bright."""
    pytest.importorskip("rembg")
    onnx = pytest.importorskip("onnx")
    shape = [1, 3, 320, 320]
    nodes = [
        onnx.helper.make_node("Constant", [], ["axes"], value_ints=[1]),
        onnx.helper.make_node("ReduceMean", ["picture", "axes"], ["mean"], keepdims=1),
    ]
    tensor = onnx.helper.make_tensor_value_info
    ends = [[tensor("picture", 1, shape)], [tensor("mean", 1, [1, 1, 320, 320])]]
    graph = onnx.helper.make_graph(nodes, "brightness", *ends)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, tmp_path / "u2net.onnx")
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    monkeypatch.setenv("MODEL_CHECKSUM_DISABLED", "1")
    return tmp_path


def test_rembg_makes_the_masks_that_are_not_given(brightness_as_u2net, tiny_models, tmp_path):
    def bright_square(name: str, left: int, shade: int) -> Path:
        image = Image.new("RGB", (90, 60), (20, 20, 20))
        image.paste((shade, 250, 250), (left, 10, left + 30, 40))
        image.save(tmp_path / name)
        return tmp_path / name

    photo, image = bright_square("photo.png", 5, 250), bright_square("image.png", 50, 250)
    other = bright_square("other.png", 50, 120)
    spec = dino_spec(tiny_models, "rembg", region="mask-and-box")
    files = [ScoredFile(file, "a dog", (photo,), "dog", "00-0") for file in (image, other)]
    values = MaskedDino().score_files(files, spec, tmp_path / "kept.json", print)
    assert values[0] == pytest.approx(1, abs=1e-3)  # the same square, wherever it is
    assert values[1] < values[0]


def test_a_model_that_rembg_cannot_load_is_one_line(tiny_models, material, tmp_path):
    pytest.importorskip("rembg")
    spec = dino_spec(tiny_models, "rembg", rembg_model="u3net")
    with pytest.raises(DreambenchError, match=r"masked_dino\.rembg_model: rembg cannot load u3net"):
        MaskedDino().score_files(dino_files(material), spec, tmp_path / "kept.json", print)
