"""Each named protocol against its plain definition, written out over raw embeddings of tiny encoders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dreambench.analysis.aggregate import subject_scores
from dreambench.metrics.dinov2 import DinoV2Spec
from dreambench.metrics.scoring import ScoredProtocol, SubjectImages, score_images
from dreambench.models.encoders.image_encoder import ImageEncoder
from dreambench.models.weights import with_fingerprints
from dreambench.spec.presets import protocol_spec
from dreambench.spec.protocol_spec import ClipSpec, DinoSpec, ProtocolSpec
from dreambench.store import RunFolder
from tests.material import tiny_encoders as tiny
from tests.material.tiny_encoders import TinyModels
from tests.metrics.material import ByHand, Material, score
from tests.store.material import record

CLOSE = 1e-5


def with_tiny_encoders(name: str, models: TinyModels) -> ProtocolSpec:
    """Return a named protocol as it is, with tiny models in the place of its encoders."""
    dino = {"model": tiny.DINO_MODEL, "weights": str(models.dino), "resize": 64, "crop": 56}
    own = {
        "clip": ClipSpec(model=tiny.CLIP_MODEL, weights=str(models.clip)),
        "dino": DinoSpec(**dino),
    }
    named = protocol_spec(name)
    if "dinov2" in named.metrics:
        own["dinov2"] = DinoV2Spec(**dino)
    return named.with_encoder_specs(own)


@pytest.fixture
def by_protocol(tmp_path: Path, material: Material, tiny_models: TinyModels):
    """Score the material by a named protocol; return its table of images."""

    def call(name: str) -> pd.DataFrame:
        run = RunFolder(tmp_path / name, record())
        score(run, material, with_tiny_encoders(name, tiny_models), priors={})
        return run.scores("images")

    return call


class Plain:
    """Unit embeddings of the material by hand, as lists of images and photos of a subject."""

    def __init__(self, material: Material, by_hand: ByHand) -> None:
        self.material, self.by_hand = material, by_hand

    def cells(self, subject: str, images: int = 3) -> list:
        return [c for c in self.material.cells if c.subject == subject and c.image_index < images]

    def cosines(self, embed: str, subject: str, photos: list[Path], images: int = 3) -> np.ndarray:
        """Return all cosines [images, photos]."""
        ours = [getattr(self.by_hand, embed)(cell.file) for cell in self.cells(subject, images)]
        theirs = [getattr(self.by_hand, embed)(photo) for photo in photos]
        return unit(ours) @ unit(theirs).T

    def text(self, subject: str, images: int = 3) -> np.ndarray:
        """Return the cosine of each image with its caption."""
        cells = self.cells(subject, images)
        ours = unit([self.by_hand.clip(cell.file) for cell in cells])
        return (ours * unit([self.by_hand.text(cell.caption) for cell in cells])).sum(axis=1)


def unit(rows: list[np.ndarray]) -> np.ndarray:
    wide = np.stack(rows).astype(np.float64)
    return wide / np.linalg.norm(wide, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def plain(material: Material, by_hand: ByHand) -> Plain:
    return Plain(material, by_hand)


def listed(material: Material, subject: str, stem: str) -> Path:
    return next(photo for photo in material.photos[subject] if photo.stem == stem)


def agree(images: pd.DataFrame, subject: str, metric: str, expected: np.ndarray) -> None:
    assert images.loc[images["subject"] == subject, metric].to_numpy() == pytest.approx(expected, abs=CLOSE)


def test_kosmos_g_compares_with_its_one_listed_photo_times_100(by_protocol, plain, material):
    images = by_protocol("kosmos-g")
    for subject, stem in (("dog", "02"), ("teapot", "04")):
        photo = [listed(material, subject, stem)]
        for metric, embed in (("dino", "dino"), ("clip_i", "clip")):
            expected = plain.cosines(embed, subject, photo)[:, 0]
            own = images.loc[images["subject"] == subject, metric]
            assert own.to_numpy() / 100 == pytest.approx(expected, abs=CLOSE)
        own = images.loc[images["subject"] == subject, "clip_t"]
        assert own.to_numpy() / 100 == pytest.approx(plain.text(subject), abs=CLOSE)


def test_uno_compares_the_first_image_of_a_prompt_with_all_photos_and_clips_clip_t(
    by_protocol, plain, material
):
    images = by_protocol("uno")
    assert set(images["image_index"]) == {0}
    for subject, photos in material.photos.items():
        agree(images, subject, "dino", plain.cosines("dino", subject, photos, 1).mean(axis=1))
        agree(images, subject, "clip_i", plain.cosines("clip", subject, photos, 1).mean(axis=1))
        agree(images, subject, "clip_t", np.maximum(plain.text(subject, 1), 0))


def test_dreambench_plus_has_two_dinos_and_the_first_photo_times_100(by_protocol, plain, material):
    images = by_protocol("dreambench++")
    for subject, photos in material.photos.items():
        dino = 100 * plain.cosines("dino", subject, photos[:1])[:, 0]
        own = images[images["subject"] == subject]
        assert own["dino"].to_numpy() / 100 == pytest.approx(dino / 100, abs=CLOSE)
        assert own["dinov2"].to_numpy() / 100 == pytest.approx(dino / 100, abs=CLOSE)
        clip = plain.cosines("clip", subject, photos[:1])[:, 0]
        assert own["clip_i"].to_numpy() / 100 == pytest.approx(clip, abs=CLOSE)
        assert own["clip_t"].to_numpy() / 100 == pytest.approx(plain.text(subject), abs=CLOSE)


def test_imagenhub_compares_one_image_of_a_prompt_with_one_photo(by_protocol, plain, material):
    images = by_protocol("imagenhub")
    assert set(images["image_index"]) == {0}
    for subject, photos in material.photos.items():
        agree(images, subject, "dino", plain.cosines("dino", subject, photos[:1], 1)[:, 0])
        agree(images, subject, "clip_i", plain.cosines("clip", subject, photos[:1], 1)[:, 0])
        agree(images, subject, "clip_t", plain.text(subject, 1))


def test_customconcept101_takes_all_pairs_and_clip_score_times_2_5(by_protocol, plain, material):
    images = by_protocol("customconcept101")
    for subject, photos in material.photos.items():
        agree(images, subject, "dino", plain.cosines("dino", subject, photos).mean(axis=1))
        agree(images, subject, "clip_i", plain.cosines("clip", subject, photos).mean(axis=1))
        agree(images, subject, "clip_t", 2.5 * np.maximum(plain.text(subject), 0))


def test_peft_pairs_images_with_photos_that_the_model_did_not_see(by_protocol, plain, material):
    images = by_protocol("peft-image-gen")
    for subject, photos in material.photos.items():
        held_out = photos[1:]
        indices = [cell.image_index for cell in plain.cells(subject)]
        cosines = plain.cosines("dino", subject, held_out)
        expected = [row[index % len(held_out)] for row, index in zip(cosines, indices, strict=True)]
        agree(images, subject, "dinov2", np.array(expected))


def test_uno_multi_takes_the_mean_over_both_subjects_of_an_image(tmp_path, material, tiny_models, plain):
    # Photos of different numbers, or the mean over all of them would be the same.
    both = {name: own[:5] if name == "dog" else own[2:] for name, own in material.photos.items()}
    cells = [replace(cell, subject="dog+teapot") for cell in plain.cells("dog")]
    photos = [photo for own in both.values() for photo in own]
    protocol = with_tiny_encoders("uno-multi", tiny_models)
    for name, left_out in (("all", {}), ("left", {"dog": "02", "teapot": "04"})):
        run = RunFolder(tmp_path / name, record())
        asked = protocol.model_copy(update={"leave_input_out": bool(left_out)})
        images = {"dog+teapot": SubjectImages(cells, photos, photos_of=both)}
        score_images(run, images, with_fingerprints(asked), device="cpu", batch_size=32, decode_threads=2)
        found = run.scores("images")
        assert set(found["image_index"]) == {0}
        kept = {n: [photo for photo in own if photo.stem != left_out.get(n)] for n, own in both.items()}
        for metric, embed in (("dino", "dino"), ("clip_i", "clip")):
            of_each = [plain.cosines(embed, "dog", own, 1).mean(axis=1) for own in kept.values()]
            agree(found, "dog+teapot", metric, np.mean(of_each, axis=0))
        agree(found, "dog+teapot", "clip_t", np.maximum(plain.text("dog", 1), 0))
        assert run.scores("photos").empty  # no photo shows both


def test_clipping_matters_to_these_images(plain):
    """Else the two protocols that clip would agree with many that do not."""
    assert min(plain.text(subject).min() for subject in ("dog", "teapot")) < 0


def test_leaving_the_input_out_is_an_option_of_every_protocol(tmp_path, material, tiny_models, plain):
    kosmos = with_tiny_encoders("kosmos-g", tiny_models)
    uno = with_tiny_encoders("uno", tiny_models)
    for name, protocol in (("kosmos-g", kosmos), ("uno", uno)):
        run = RunFolder(tmp_path / name, record())
        score(run, material, protocol.model_copy(update={"leave_input_out": True}), priors={})
        photos = material.photos["dog"]
        left = [photo for photo in photos if photo.stem != "02"]
        if name == "kosmos-g":
            expected = 100 * plain.cosines("dino", "dog", [listed(material, "dog", "03")])[:, 0]
        else:
            expected = plain.cosines("dino", "dog", left, 1).mean(axis=1)
        found = run.scores("images")
        scale = 100 if name == "kosmos-g" else 1
        own = found.loc[found["subject"] == "dog", "dino"].to_numpy() / scale
        assert own == pytest.approx(expected / scale, abs=CLOSE)


def test_several_protocols_in_one_pass_have_the_scores_of_each_alone(
    tmp_path, material, tiny_models, by_protocol, monkeypatch
):
    names = ("kosmos-g", "uno", "dreambench++", "customconcept101")
    alone = {name: by_protocol(name) for name in names}
    embedded: dict[str, int] = {}
    forward = ImageEncoder.forward

    def count(self, batch):
        embedded[type(self).__name__] = embedded.get(type(self).__name__, 0) + len(batch)
        return forward(self, batch)

    monkeypatch.setattr(ImageEncoder, "forward", count)
    run = RunFolder(tmp_path / "together", record())
    first, *others = (with_tiny_encoders(name, tiny_models) for name in names)
    further = [ScoredProtocol(n, p, material.cells) for n, p in zip(names[1:], others, strict=True)]
    done: list[int] = []
    score(run, material, first, priors={}, others=further, on_image=done.append)
    for name in names:
        folder = run if name == names[0] else run.of_protocol(name)
        pd.testing.assert_frame_equal(folder.scores("images"), alone[name], rtol=0, atol=1e-9)
    images = len(material.cells) + sum(map(len, material.photos.values()))
    assert embedded["ClipEncoder"] == images
    assert embedded["DinoEncoder"] == 2 * images  # DINO's key and DINOv2's
    assert sum(done) == images


def test_a_subject_mean_is_over_the_images_that_count(by_protocol):
    from dreambench.analysis.score_tables import ScoreTables

    images, none = by_protocol("uno"), pd.DataFrame()
    means = subject_scores(ScoreTables(images, none, none, none), ("dino",), ["dog"])
    assert means["dino"]["dog"] == pytest.approx(images.loc[images["subject"] == "dog", "dino"].mean())
