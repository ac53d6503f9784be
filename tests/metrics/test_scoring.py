"""The whole scoring: agreement with values by hand, batch size, reuse, missing and bad images."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from dreambench.metrics.tables import TABLES
from dreambench.store import RunFolder
from tests.metrics.material import score
from tests.store.material import record

pytestmark = pytest.mark.slow


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(sum(a * b) / math.sqrt(sum(a * a)) / math.sqrt(sum(b * b)))


def tables(run: RunFolder) -> dict[str, pd.DataFrame]:
    return {table: run.scores(table) for table in TABLES}


def test_every_score_agrees_with_one_by_hand(run, material, tiny_models, by_hand):
    score(run, material, tiny_models.protocol())
    images, diversity, prior, photos = (run.scores(table) for table in TABLES)

    assert len(images) == 12
    for cell, row in zip(material.cells, images.to_dict("records"), strict=True):
        assert (row["subject"], row["prompt_index"], row["image_index"]) == (
            cell.subject, cell.prompt_index, cell.image_index,
        )  # fmt: skip
        assert row["seed"] == cell.seed  # 61 bits, not rounded by a float
        assert row["prompt"] == cell.prompt
        assert run.resolve(row["file"]) == cell.file
        own = material.photos[cell.subject]
        clip_i = sum(cosine(by_hand.clip(cell.file), by_hand.clip(photo)) for photo in own) / len(own)
        dino = sum(cosine(by_hand.dino(cell.file), by_hand.dino(photo)) for photo in own) / len(own)
        assert row["clip_i"] == pytest.approx(clip_i, abs=1e-5)
        assert row["dino"] == pytest.approx(dino, abs=1e-5)
        clip_t = cosine(by_hand.clip(cell.file), by_hand.text(cell.caption))
        assert row["clip_t"] == pytest.approx(clip_t, abs=1e-5)

    assert len(diversity) == 2 * 2 * 3
    files = {(c.subject, c.prompt_index, c.image_index): c.file for c in material.cells}
    for row in diversity.to_dict("records"):
        a, b = (files[row["subject"], row["prompt_index"], int(i)] for i in row["pair"].split("-"))
        assert row["lpips"] == pytest.approx(by_hand.lpips(a, b), abs=1e-5)

    assert len(prior) == 4
    drawn = [(subject, *image) for subject, images in material.priors.items() for image in images.items()]
    for (subject, number, file), row in zip(drawn, prior.to_dict("records"), strict=True):
        assert (row["subject"], row["image_index"]) == (subject, number)
        own = material.photos[subject]
        pres = sum(cosine(by_hand.dino(file), by_hand.dino(photo)) for photo in own) / len(own)
        assert row["pres"] == pytest.approx(pres, abs=1e-5)

    expected = [(s, a, b) for s, files in material.photos.items() for a, b in combinations(files, 2)]
    assert len(photos) == len(expected)
    for (subject, a, b), row in zip(expected, photos.to_dict("records"), strict=True):
        assert (row["subject"], row["photo_a"], row["photo_b"]) == (subject, a.name, b.name)
        assert row["clip_i"] == pytest.approx(cosine(by_hand.clip(a), by_hand.clip(b)), abs=1e-5)
        assert row["dino"] == pytest.approx(cosine(by_hand.dino(a), by_hand.dino(b)), abs=1e-5)


def test_the_tiny_models_tell_images_apart(run, material, tiny_models):
    """Else the agreement above would hold for many a wrong computation too."""
    score(run, material, tiny_models.protocol())
    images = run.scores("images")
    assert images[["clip_i", "dino", "clip_t"]].std().min() > 1e-3
    assert run.scores("diversity")["lpips"].std() > 1e-3


def test_batch_size_and_order_do_not_matter(tmp_path, material, tiny_models):
    results = []
    for batch_size in (1, 3, 32):
        run = RunFolder(tmp_path / str(batch_size), record())
        score(run, material, tiny_models.protocol(), batch_size)
        results.append(tables(run))
    for other in results[1:]:
        for table in TABLES:
            assert_frame_equal(results[0][table], other[table], rtol=0, atol=1e-5)
    run = RunFolder(tmp_path / "reversed", record())
    score(run, material, tiny_models.protocol(), cells=material.cells[::-1])
    order = ["subject", "prompt_index", "image_index"]
    backwards = run.scores("images").sort_values(order, ignore_index=True)
    assert_frame_equal(backwards, results[2]["images"].sort_values(order, ignore_index=True))


def test_missing_images_are_nan_and_stay_in_the_table(run, material, tiny_models):
    gone = {("dog", 0, 1), ("teapot", 3, 0), ("teapot", 3, 1), ("teapot", 3, 2)}
    cells = [
        replace(c, file=None, seed=None) if (c.subject, c.prompt_index, c.image_index) in gone else c
        for c in material.cells
    ]
    score(run, material, tiny_models.protocol(), cells=cells)
    images = run.scores("images")
    lost = images[images["file"].isna()]
    assert {tuple(row) for row in lost[["subject", "prompt_index", "image_index"]].to_numpy()} == gone
    assert lost[["clip_i", "dino", "clip_t"]].isna().all().all()
    assert lost["seed"].isna().all()
    there = images[images["file"].notna()]
    assert there[["clip_i", "dino", "clip_t"]].notna().all().all()
    assert (there["seed"] >= 2**60).all()
    diversity = run.scores("diversity")
    assert len(diversity) == 12
    assert diversity["lpips"].isna().sum() == 2 + 3
