"""Masked metrics against the plain definition over raw encoders, and everything a mask can lack."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image, ImageDraw, ImageOps
from safetensors.torch import save_file

from dreambench.errors import DreambenchError
from dreambench.metrics import masked_similarity
from dreambench.metrics.masked_dino import CutOutSpec, MaskedDino, MaskedSiglip2Spec
from dreambench.metrics.masked_max_cosine import MaskedMaxCosineSpec, foreground_patches
from dreambench.metrics.scorer import Scorer
from dreambench.models.weights import missing_weights, with_fingerprints
from dreambench.spec.file_metric import ScoredFile
from dreambench.spec.signature import protocol_fields
from tests.material import tiny_encoders as tiny
from tests.metrics.material import Material, score

GRAY = (124, 116, 104)


def ellipse(image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).ellipse(box, fill=255)
    return mask


def box_of(name: str, width: int, height: int) -> tuple[int, int, int, int]:
    """Return a box that a name decides; some touch the edge."""
    dice = np.random.default_rng(list(name.encode()))
    left, top = (int(dice.integers(0, side // 2)) for side in (width, height))
    return left, top, left + width // 2 - 3, top + height // 3


@pytest.fixture(scope="module")
def masks(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("masks")
    named = {
        f"images/{c.subject}/{c.prompt_index:02d}-{c.image_index}.png": c.file
        for c in material.cells
        if c.file
    }
    photos = material.photos.items()
    named |= {f"photos/{subject}/{photo.stem}.png": photo for subject, own in photos for photo in own}
    for name, file in named.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        image = Image.open(file)
        ellipse(image, box_of(name, *image.size)).save(folder / name)
    return folder


def mask_of(masks: Path, material: Material, file: Path) -> Path:
    for cell in material.cells:
        if cell.file == file:
            return masks / "images" / cell.subject / f"{cell.prompt_index:02d}-{cell.image_index}.png"
    return masks / "photos" / file.parent.name / f"{file.stem}.png"


def dino_spec(tiny_models, masks: Path | str, **more: object) -> CutOutSpec:
    dino = tiny_models.protocol().dino
    return CutOutSpec(**{**dino.model_dump(), "masks": str(masks), **more})


def protocol_with(tiny_models, name: str, spec):
    return tiny_models.protocol("dino", name).with_encoder_specs({name: spec})


def plain_cut(file: Path, mask_file: Path, region: str, zoom: float) -> Image.Image:
    """Cut out with Pillow's own functions: paste, expand, crop."""
    image, mask = Image.open(file).convert("RGB"), Image.open(mask_file)
    if region != "box":
        image = Image.composite(image, Image.new("RGB", image.size, GRAY), mask)
    if region == "mask":
        return image
    left, top, right, bottom = mask.getbbox()
    side = math.ceil(max(right - left, bottom - top) * zoom)
    x, y = (left + right - side) // 2, (top + bottom - side) // 2
    wide = ImageOps.expand(image, 300, fill=GRAY)
    return wide.crop((x + 300, y + 300, x + side + 300, y + side + 300))


@pytest.mark.parametrize("region", ["mask", "box", "mask-and-box"])
def test_masked_dino_is_dino_of_what_the_mask_cuts_out(
    run, material, tiny_models, by_hand, masks, tmp_path, region
):
    spec = dino_spec(tiny_models, masks, region=region)
    score(run, material, protocol_with(tiny_models, "masked_dino", spec), priors={})
    files = [*(c.file for c in material.cells), *(p for own in material.photos.values() for p in own)]
    units = {}
    for file in files:
        cut = tmp_path / f"{file.parent.name}-{file.stem}.png"
        zoom = tiny.DINO_RESIZE / tiny.DINO_CROP
        plain_cut(file, mask_of(masks, material, file), region, zoom).save(cut)
        row = by_hand.dino(cut).astype(np.float64)
        units[file] = row / np.linalg.norm(row)
    rows = run.scores("images")
    assert len(rows) == len(material.cells)
    for cell, row in zip(material.cells, rows.to_dict("records"), strict=True):
        own = material.photos[cell.subject]
        expected = sum(float(units[cell.file] @ units[photo]) for photo in own) / len(own)
        assert row["masked_dino"] == pytest.approx(expected, abs=1e-5)
    assert rows["masked_dino"].std() > 1e-3
    assert (rows["masked_dino"] - rows["dino"]).abs().min() > 1e-6


@pytest.fixture(scope="module")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> tuple[torch.nn.Module, dict[str, object]]:
    torch.manual_seed(0)
    arguments = {"depth": 2, "embed_dim": 48, "num_heads": 3, "img_size": 64}
    model = timm.create_model("vit_base_patch16_siglip_224", num_classes=0, **arguments).eval()
    tiny._spread(model)
    file = tmp_path_factory.mktemp("siglip") / "weights.safetensors"
    config = {"architecture": "vit_base_patch16_siglip_224", "model_args": arguments}
    save_file(model.state_dict(), file, metadata={"timm_config": json.dumps(config)})
    return model, {"model": "weights", "weights": str(file), "resize": 64, "crop": 64}


def squeezed(image: Image.Image) -> torch.Tensor:
    array = np.asarray(image.resize((64, 64), Image.Resampling.BICUBIC), dtype=np.float32)
    return torch.from_numpy(array / 127.5 - 1).permute(2, 0, 1)[None]


def test_masked_siglip_is_the_pooled_embedding_of_the_whole_cut_out(
    run, material, tiny_models, masks, siglip
):
    model, fields = siglip
    spec = MaskedSiglip2Spec(**fields, masks=str(masks), region="box")
    score(run, material, protocol_with(tiny_models, "masked_siglip2", spec), priors={})
    cell = material.cells[4]

    def row(file: Path) -> torch.Tensor:
        image, mask = Image.open(file).convert("RGB"), Image.open(mask_of(masks, material, file))
        left, top, right, bottom = mask.getbbox()
        side = max(right - left, bottom - top)
        x, y = (left + right - side) // 2, (top + bottom - side) // 2
        wide = ImageOps.expand(image, 300, fill=(128, 128, 128))
        cut = wide.crop((x + 300, y + 300, x + side + 300, y + side + 300))
        with torch.inference_mode():
            return model(squeezed(cut))[0].double()

    cosines = [
        float(torch.nn.functional.cosine_similarity(row(cell.file), row(photo), dim=0))
        for photo in material.photos[cell.subject]
    ]
    assert run.scores("images")["masked_siglip2"][4] == pytest.approx(np.mean(cosines), abs=1e-5)


def test_max_cosine_is_the_best_match_of_each_patch_of_the_subject(run, material, tiny_models, masks, siglip):
    model, fields = siglip
    spec = MaskedMaxCosineSpec(**fields, masks=str(masks))
    score(run, material, protocol_with(tiny_models, "masked_max_cosine", spec), priors={})

    def tokens(file: Path) -> np.ndarray:
        with torch.inference_mode():
            rows = model.forward_features(squeezed(Image.open(file).convert("RGB")))[0].double().numpy()
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def covered(file: Path) -> list[int]:
        mask = np.asarray(Image.open(mask_of(masks, material, file))) > 127
        height, width = mask.shape
        fine = np.kron(mask, np.ones((4, 4)))  # 4 patches a side: whole numbers of fine pixels in each
        shares = fine.reshape(4, height, 4, width).mean(axis=(1, 3)).ravel()
        return [i for i in range(16) if shares[i] >= 0.5] or [int(shares.argmax())]

    for cell, found in zip(material.cells, run.scores("images")["masked_max_cosine"], strict=True):
        image, scores = tokens(cell.file), []
        for photo in material.photos[cell.subject]:
            subject = tokens(photo)
            scores.append(np.mean([max(image @ subject[patch]) for patch in covered(photo)]))
        assert found == pytest.approx(np.mean(scores), abs=1e-5)
    assert run.scores("images")["masked_max_cosine"].std() > 1e-4


def test_max_cosine_of_a_photo_with_itself_is_one_and_needs_no_mask_of_the_image(
    material, masks, siglip, tmp_path
):
    from dreambench.spec.registries import get_metric

    photo = material.photos["dog"][0]
    metric, spec = get_metric("masked_max_cosine"), MaskedMaxCosineSpec(**siglip[1], masks=str(masks))
    said: list[str] = []
    file = ScoredFile(photo, "a dog", (photo,), "dog", "99-9")
    assert metric.score_files([file], spec, tmp_path / "kept.json", said.append) == pytest.approx([1.0])
    assert said == []


def test_a_small_subject_has_the_patch_that_shows_most_of_it():
    mask = np.zeros((64, 64), dtype=bool)
    mask[17:20, 33:36] = True
    assert np.argwhere(foreground_patches(mask, (4, 4))).tolist() == [[1, 2]]
    mask[0:40] = True
    assert foreground_patches(mask, (4, 4)).sum(axis=1).tolist() == [4, 4, 4, 0]
    # Rows come before columns.
    assert foreground_patches(mask, (2, 4)).tolist() == [[True] * 4, [False] * 4]


def dino_files(material: Material, count: int = 2) -> list[ScoredFile]:
    cells = [cell for cell in material.cells if cell.subject == "dog"][:count]
    names = [f"{cell.prompt_index:02d}-{cell.image_index}" for cell in cells]
    photos = tuple(material.photos["dog"])
    return [ScoredFile(c.file, c.caption, photos, "dog", n) for c, n in zip(cells, names, strict=True)]


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
