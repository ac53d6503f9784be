"""Photos as latents: the crop and range of their pixels, mirror images, and draws, by values written out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dreambench.methods.finetune.latents import Posteriors, encode_posteriors, pixels
from dreambench.models.base_model import open_base
from dreambench.spec.run_spec import BaseSpec


def test_the_center_of_the_longer_side_is_kept_and_values_are_from_minus_1_to_1() -> None:
    """Eight columns of one value each; the square has the middle four, whichever side is the longer."""
    values = np.array([9, 9, 0, 51, 204, 255, 9, 9], dtype=np.uint8)
    wide = np.broadcast_to(values[None, :, None], (4, 8, 3))
    expected = torch.tensor([-1.0, -0.6, 0.6, 1.0])
    found = pixels(Image.fromarray(wide.copy()), 4)
    assert found.shape == (3, 4, 4)
    assert torch.allclose(found, expected.expand(3, 4, 4))
    tall = pixels(Image.fromarray(wide.transpose(1, 0, 2).copy()), 4)
    assert torch.allclose(tall, expected[:, None].expand(3, 4, 4))


@pytest.mark.parametrize(("size", "resized", "corner"), [((7, 3), (5, 2), (1, 0)), ((5, 8), (2, 3), (0, 0))])
def test_the_short_side_is_resized_and_the_other_one_rounded(size, resized, corner) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8))
    (left, top), whole = corner, image.resize(resized, Image.Resampling.BICUBIC)
    expected = np.asarray(whole.crop((left, top, left + 2, top + 2)), np.float32) / 127.5 - 1
    assert torch.equal(pixels(image, 2), torch.from_numpy(expected).permute(2, 0, 1))


def test_each_photo_is_followed_by_its_mirror_image(tiny, tmp_path: Path) -> None:
    base, files = open_base(BaseSpec(model=tiny["base"])), []
    for number in range(5):  # more than are encoded at once
        noise = np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        for name, side in ((f"{number}.png", noise), (f"{number}-mirrored.png", noise[:, ::-1].copy())):
            Image.fromarray(side).save(tmp_path / name)
        files.append(tmp_path / f"{number}.png")
    both = [file for own in files for file in (own, own.with_name(f"{own.stem}-mirrored.png"))]
    found, expected = encode_posteriors(base, files, 64, mirrored=True), encode_posteriors(base, both, 64)
    assert len(found) == 10
    assert torch.allclose(found.mean, expected.mean, atol=1e-5)
    assert torch.allclose(found.std, expected.std, atol=1e-5)


def test_a_draw_is_the_posteriors_shifted_and_scaled() -> None:
    mean, std = torch.arange(3.0).view(3, 1, 1, 1), torch.tensor([0.0, 0.5, 2.0]).view(3, 1, 1, 1)
    drawn = Posteriors(mean, std, 10.0, 0.25).draw(torch.tensor([2, 0]), torch.Generator().manual_seed(1))
    noise = torch.randn(2, 1, 1, 1, generator=torch.Generator().manual_seed(1)).flatten()
    assert drawn.flatten().tolist() == pytest.approx([(2 + 2 * float(noise[0]) - 0.25) * 10, -2.5], abs=1e-5)
