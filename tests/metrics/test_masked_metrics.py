"""Masked metrics against the plain definition over raw encoders."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image, ImageOps
from safetensors.torch import save_file

from dreambench.metrics.masked_dino import MaskedSiglip2Spec
from dreambench.metrics.masked_max_cosine import MaskedMaxCosineSpec, foreground_patches
from dreambench.spec.file_metric import ScoredFile
from tests.material import tiny_encoders as tiny
from tests.metrics.masked_material import dino_spec, mask_of, protocol_with
from tests.metrics.material import score

GRAY = (124, 116, 104)


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
