"""``Scorer`` inside a training loop: the protocol's numbers, and nothing else of the process changes."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from PIL import Image

import dreambench
from dreambench.errors import DreambenchError
from dreambench.metrics.div import Div
from dreambench.paths import data_folder

pytestmark = pytest.mark.slow
PROMPT = "a {} in the jungle"


def _photos(subject: str) -> list[Path]:
    return sorted((data_folder() / "mini" / "photos" / subject).glob("*.png"))


class TestScorer:
    def test_it_gives_the_numbers_of_the_protocol(self, tmp_path) -> None:
        images = _photos("dog")[:2]
        asked = {"subjects": ["dog"], "prompts": "0", "images_per_prompt": 2, "device": "cpu"}
        own = dreambench.score({"dog": {0: images}}, "mini", out=tmp_path / "scores", **asked)
        scorer = dreambench.Scorer(_photos("dog"), "dog", protocol="mini", device="cpu")
        for image, prompt in zip(images, own.images["prompt"], strict=True):
            scorer.update([image], prompt)
        expected = own.subjects.loc["dog"]
        assert scorer.compute() == pytest.approx(dict(expected), abs=1e-6)

    @pytest.mark.parametrize(
        ("protocol", "photos"),
        [
            ("kosmos-g@mini", slice(2, 3)),
            ("uno@mini", slice(None)),
            ("customconcept101@mini", slice(None)),
            ("peft-image-gen@mini", slice(1, None)),
        ],
    )
    def test_it_follows_a_protocols_references_scale_and_images(self, tmp_path, protocol, photos) -> None:
        images = _photos("cat")[:2]
        asked = {
            "preset": "mini",
            "subjects": ["dog"],
            "prompts": "0",
            "images_per_prompt": 2,
            "device": "cpu",
        }
        expected = dreambench.score({"dog": {0: images}}, protocol, out=tmp_path / "scores", **asked)
        scorer = dreambench.Scorer(_photos("dog")[photos], "dog", protocol=protocol, device="cpu")
        for image in images:
            scorer.update([image], PROMPT)
        wanted = dict(expected.subjects.loc["dog"])  # scaled to 100, and in one batch: equal up to float32
        assert scorer.compute() == pytest.approx(wanted, rel=1e-6, abs=1e-6)

    def test_an_image_in_memory_is_read_like_its_file(self, tmp_path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.open(_photos("dog")[0]).save(tmp_path / "turned.png", exif=exif)
        scorer = dreambench.Scorer(_photos("dog"), "dog", protocol="mini", metrics=["dino"], device="cpu")
        found = []
        for image in (tmp_path / "turned.png", Image.open(tmp_path / "turned.png")):
            scorer.reset()
            scorer.update([image], PROMPT)
            found.append(scorer.compute())
        assert found[0] == found[1]

    def test_a_training_loops_random_numbers_do_not_depend_on_it(self) -> None:
        scorer = dreambench.Scorer(_photos("dog"), "dog", protocol="mini", device="cpu")
        before = torch.get_rng_state()
        scorer.update(_photos("dog")[:2], PROMPT)
        scorer.compute()
        assert torch.equal(torch.get_rng_state(), before)

    @pytest.mark.parametrize("around", ["autocast", "default"])
    def test_the_program_around_does_not_change_the_numbers(self, around: str) -> None:
        found = []
        for half in (False, True):
            scorer = dreambench.Scorer(_photos("dog"), "dog", protocol="mini", device="cpu")
            torch.set_default_dtype(torch.bfloat16 if half and around == "default" else torch.float32)
            try:
                with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half and around == "autocast"):
                    scorer.update(_photos("cat")[:2], PROMPT)
                    found.append(scorer.compute())
            finally:
                torch.set_default_dtype(torch.float32)
        assert found[0] == found[1]

    def test_the_identifier_is_no_part_of_a_caption(self) -> None:
        scorer = dreambench.Scorer(_photos("dog"), "dog", protocol="mini", identifier="sks", device="cpu")
        assert scorer.caption("a sks {} in the jungle") == "a dog in the jungle"
        scorer.identifier = "sk"
        assert scorer.caption("a sk {} on skis") == "a dog on skis"

    def test_a_metric_of_pairs_gets_images_of_its_own_size(self, monkeypatch) -> None:
        monkeypatch.setattr(Div, "pair_size", lambda self, settings: 32)
        monkeypatch.setattr(Div, "distances", lambda self, images, *_: {(0, 1): float(images[0].shape[-1])})
        scorer = dreambench.Scorer(_photos("dog"), "dog", protocol="mini", metrics=["div"], device="cpu")
        scorer.update(_photos("dog")[:2], PROMPT)
        assert scorer.compute() == {"div": 32.0}

    def test_without_images_there_is_no_number(self) -> None:
        scorer = dreambench.Scorer(_photos("dog"), "dog", protocol="mini", metrics=["clip_t"], device="cpu")
        assert all(math.isnan(value) for value in scorer.compute().values())
        scorer.update(_photos("dog")[:1], PROMPT)
        assert not math.isnan(scorer.compute()["clip_t"])
        scorer.reset()
        assert math.isnan(scorer.compute()["clip_t"])

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"photos": []}, "without photos"),
            ({"metrics": ["pres"]}, "PRES needs images of the bare class"),
            ({"protocol": "papper"}, "did you mean 'paper'"),
            ({"metrics": ["dnio"]}, "did you mean 'dino'"),
            ({"metrics": "dino"}, "metrics is a single str; give a list"),
            ({"photos": "photos/dog"}, "photos is a single str; give a list"),
            ({"protocol": "kosmos-g@mini"}, "compares with one photo of a subject, and 5 are given"),
        ],
    )
    def test_what_it_refuses(self, changes, message) -> None:
        words = {"photos": _photos("dog"), "class_noun": "dog", "protocol": "mini", "device": "cpu"} | changes
        with pytest.raises(DreambenchError, match=message):
            dreambench.Scorer(**words)

    def test_images_and_prompts_pair_up(self) -> None:
        scorer = dreambench.Scorer(_photos("dog"), "dog", protocol="mini", metrics=["clip_t"], device="cpu")
        with pytest.raises(DreambenchError, match="2 images and 1 prompts"):
            scorer.update(_photos("dog")[:2], [PROMPT])
        with pytest.raises(DreambenchError, match="images is a single Image; give a list"):
            scorer.update(Image.new("RGB", (64, 64)), PROMPT)
        with pytest.raises(DreambenchError, match="Tensor is not an image; give a PIL image"):
            scorer.update(torch.zeros(2, 3, 64, 64), PROMPT)
