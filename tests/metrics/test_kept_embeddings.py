"""Embeddings are computed once, kept with the run, and computed again where they are not what they were."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import pandas as pd
import pytest
import torch
from pandas.testing import assert_frame_equal

from dreambench.errors import DreambenchError
from dreambench.metrics import embeddings
from dreambench.metrics.tables import TABLES
from dreambench.models.encoders import clip_encoder, lpips_network
from dreambench.models.encoders.image_encoder import ImageEncoder
from dreambench.models.encoders.lpips_network import LpipsNetwork
from dreambench.models.weights import with_fingerprints
from dreambench.store import RunFolder
from tests.metrics.material import noise, score
from tests.store.material import record

pytestmark = pytest.mark.slow


def tables(run: RunFolder) -> dict[str, pd.DataFrame]:
    return {table: run.scores(table) for table in TABLES}


@pytest.fixture
def counted(monkeypatch) -> dict[str, int]:
    """How many images went through each kind of network."""
    counts = {"ClipEncoder": 0, "DinoEncoder": 0, "LpipsNetwork": 0, "read_image": 0}
    forward, features = ImageEncoder.forward, LpipsNetwork.features
    read = embeddings.read_image

    def count_forward(self, batch):
        counts[type(self).__name__] += len(batch)
        return forward(self, batch)

    def count_features(self, batch):
        counts["LpipsNetwork"] += len(batch)
        return features(self, batch)

    def count_read(*arguments):
        counts["read_image"] += 1
        return read(*arguments)

    monkeypatch.setattr(ImageEncoder, "forward", count_forward)
    monkeypatch.setattr(LpipsNetwork, "features", count_features)
    monkeypatch.setattr(embeddings, "read_image", count_read)
    return counts


def test_each_image_is_decoded_and_embedded_once(run, material, tiny_models, counted):
    done = []
    score(run, material, tiny_models.protocol(), on_image=done.append)
    photos = sum(map(len, material.photos.values()))
    assert counted["read_image"] == 12 + 4 + photos
    assert counted["ClipEncoder"] == 12 + photos
    assert counted["DinoEncoder"] == 12 + 4 + photos
    assert counted["LpipsNetwork"] == 12
    assert sum(done) == 12 + 4 + photos


def test_only_the_encoders_that_are_needed_are_loaded(run, material, tiny_models, monkeypatch):
    for module, name in ((clip_encoder, "load_clip"), (lpips_network, "load_lpips")):
        monkeypatch.setattr(module, name, lambda *args: pytest.fail("loaded"))
    score(run, material, tiny_models.protocol("dino"), priors={})
    images = run.scores("images")
    assert images["dino"].notna().all()
    assert images[["clip_i", "clip_t"]].isna().all().all()
    assert run.scores("photos")["clip_i"].isna().all()
    assert run.scores("diversity").empty
    assert list(run.scores("diversity")) == ["subject", "prompt_index", "pair", "lpips"]


def test_a_second_scoring_needs_no_weights(run, material, tiny_models, tmp_path, counted):
    copies = {}
    for name in ("clip", "dino", "lpips"):
        copies[name] = tmp_path / f"{name}.safetensors"
        copies[name].write_bytes(getattr(tiny_models, name).read_bytes())
    protocol = with_fingerprints(replace(tiny_models, **copies).protocol())
    score(run, material, protocol)
    first = tables(run)
    for copy in copies.values():
        copy.unlink()
    for table in TABLES:
        run.score_file(table).unlink()
    counted.update(dict.fromkeys(counted, 0))
    score(run, material, protocol)
    assert set(counted.values()) == {0}
    for table in TABLES:
        assert_frame_equal(run.scores(table), first[table], check_exact=True)


def test_embeddings_of_other_weights_are_never_used(run, material, tiny_models, tmp_path, counted):
    from tests.material import tiny_encoders

    score(run, material, tiny_models.protocol("dino"), priors={})
    first = run.scores("images")["dino"]
    other = replace(tiny_models, dino=tiny_encoders.build_dino(tmp_path, seed=9)[1])
    counted["DinoEncoder"] = 0
    score(run, material, other.protocol("dino"), priors={})
    assert counted["DinoEncoder"] == 12 + sum(map(len, material.photos.values()))
    assert (run.scores("images")["dino"] - first).abs().max() > 1e-3


def test_a_replaced_image_is_embedded_again(run, material, tiny_models, tmp_path, counted):
    file = tmp_path / "replaced.png"
    noise("before", 64, 64).save(file)
    cells = [replace(material.cells[0], file=file)]
    score(run, material, tiny_models.protocol("clip_i", "dino"), cells=cells, priors={})
    before = run.scores("images")
    noise("after", 64, 64).save(file)
    counted.update(dict.fromkeys(counted, 0))
    score(run, material, tiny_models.protocol("clip_i", "dino"), cells=cells, priors={})
    assert counted["ClipEncoder"] == counted["DinoEncoder"] == 1
    assert (run.scores("images")["dino"] - before["dino"]).abs().max() > 1e-4


def test_an_image_replaced_in_a_measured_group_is_measured_with_the_others(
    run, material, tiny_models, tmp_path, by_hand
):
    cells = material.cells[:3]  # of one prompt; two of them stay
    score(run, material, tiny_models.protocol("div"), cells=cells, priors={})
    file = tmp_path / "replaced.png"
    noise("replaced", 100, 72).save(file)
    cells = [*cells[:2], replace(cells[2], file=file)]
    score(run, material, tiny_models.protocol("div"), cells=cells, priors={})
    expected = [by_hand.lpips(a.file, b.file) for a, b in combinations(cells, 2)]
    assert run.scores("diversity")["lpips"].tolist() == pytest.approx(expected, abs=1e-5)


def test_an_unreadable_image_stops_with_one_line_and_keeps_the_rest(
    run, material, tiny_models, tmp_path, counted
):
    bad = tmp_path / "bad.png"
    bad.write_bytes(material.cells[0].file.read_bytes()[:200])
    broken = next(c for c in material.cells if (c.subject, c.prompt_index, c.image_index) == ("teapot", 3, 2))
    cells = [replace(c, file=bad) if c is broken else c for c in material.cells]
    with pytest.raises(DreambenchError, match=r"bad\.png") as caught:
        score(run, material, tiny_models.protocol(), 2, cells=cells)
    assert "\n" not in str(caught.value)
    assert not run.score_file("images").exists()
    done = counted["DinoEncoder"]
    assert done >= 6 + 2 + 6 + 4 + 4
    score(run, material, tiny_models.protocol(), 2)
    everything = 12 + 4 + sum(map(len, material.photos.values()))
    assert counted["DinoEncoder"] == everything
    whole = RunFolder(tmp_path / "whole", record())
    score(whole, material, tiny_models.protocol(), 2)
    for table in TABLES:
        assert_frame_equal(run.scores(table), whole.scores(table), check_exact=True)


def test_two_equal_images_are_embedded_once_and_have_no_distance(
    run, material, tiny_models, tmp_path, counted
):
    twin = tmp_path / "twin.png"
    twin.write_bytes(material.cells[0].file.read_bytes())
    cells = [material.cells[0], replace(material.cells[1], file=twin)]
    done = []
    score(run, material, tiny_models.protocol(), cells=cells, priors={}, on_image=done.append)
    assert counted["ClipEncoder"] == 1 + len(material.photos["dog"])
    assert run.scores("diversity")["lpips"].tolist() == [0.0]
    assert run.scores("images")["dino"].nunique() == 1
    assert sum(done) == 2 + len(material.photos["dog"])


def test_damaged_embeddings_are_computed_again(run, material, tiny_models):
    score(run, material, tiny_models.protocol())
    first = tables(run)
    kept = sorted((run.path / "embeddings").rglob("*.safetensors"))
    assert len(kept) == 2 * 3 + 1
    for file in kept:
        file.write_bytes(b"\0" * 5)
    score(run, material, tiny_models.protocol())
    for table in TABLES:
        assert_frame_equal(run.scores(table), first[table], check_exact=True)


def test_a_subject_without_photos_and_weights_that_are_not_numbers(run, material, tiny_models, tmp_path):
    photos = {**material.photos, "dog": []}
    with pytest.raises(DreambenchError, match="subject dog has no photos"):
        score(run, replace(material, photos=photos), tiny_models.protocol())
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    with safe_open(tiny_models.dino, framework="pt") as opened:
        metadata = opened.metadata()
    state = load_file(tiny_models.dino)
    state["norm.bias"] = torch.full_like(state["norm.bias"], math.nan)
    save_file(state, tmp_path / "nan-tiny-dino.safetensors", metadata=metadata)
    broken = replace(tiny_models, dino=tmp_path / "nan-tiny-dino.safetensors")
    with pytest.raises(DreambenchError, match="dino encoder returns an embedding"):
        score(run, material, broken.protocol("dino"))
