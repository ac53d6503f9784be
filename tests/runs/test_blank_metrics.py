"""Metrics that a set of images leaves blank are named once; where nothing is left, it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from dreambench.errors import DreambenchError
from dreambench.metrics.scorer import Scorer
from dreambench.metrics.scoring import SubjectImages
from dreambench.metrics.tables import BenchmarkImage
from dreambench.paths import data_folder
from dreambench.runs.blank_metrics import blank_in_run, blank_metrics
from dreambench.runs.submissions.score import score
from dreambench.spec.presets import protocol_spec
from dreambench.spec.protocol_spec import ProtocolSpec
from tests.executors.material import Silent


def protocol(*metrics: str, images: int | None = None) -> ProtocolSpec:
    changes = {"images": images, "prior_images": 2}
    return protocol_spec("mini").with_metrics(metrics).model_copy(update=changes)


def images_of(subject: str, cells: list[tuple[int, int]], priors: int = 0) -> SubjectImages:
    words = ("dog", "live", 0, "a sks dog", "a dog", "recontextualization", 0, None, Path("x.png"))
    made = []
    for prompt, image in cells:
        cell = BenchmarkImage(subject, *words)
        made.append(BenchmarkImage(**{**vars(cell), "prompt_index": prompt, "image_index": image}))
    return SubjectImages(made, [Path("photo.png")], {i: Path(f"class-{i:03}.png") for i in range(priors)})


PAIR, SINGLES = [(0, 0), (0, 1)], [(0, 0), (1, 0)]


def test_what_has_everything_leaves_nothing_blank() -> None:
    given = {"dog": images_of("dog", PAIR, priors=2)}
    assert blank_metrics([protocol("dino", "div", "pres")], given) == []


def test_a_metric_without_its_images_is_named_with_the_remedy() -> None:
    given = {"dog": images_of("dog", SINGLES), "cat": images_of("cat", SINGLES)}
    div, pres = blank_metrics([protocol("dino", "div", "pres")], given)
    assert div.startswith("DIV stays blank: there is no prompt with two images; ")
    assert pres.startswith("PRES stays blank: there is no image of the bare class; ")
    assert "class-000.png" in pres
    assert pres.endswith("leave pres out with --metrics")


def test_the_subjects_that_lack_them_are_named() -> None:
    given = {"dog": images_of("dog", PAIR, priors=2), "cat": images_of("cat", PAIR)}
    (line,) = blank_metrics([protocol("dino", "div", "pres")], given)
    assert line.startswith("PRES stays blank for cat: ")
    many = {f"s{i}": images_of(f"s{i}", PAIR) for i in range(7)}
    (line,) = blank_metrics([protocol("dino", "pres")], given | many)
    assert line.startswith("PRES stays blank for cat, s0, s1, s2, s3 and 3 more: ")


def test_a_subject_without_any_image_is_not_named_again() -> None:
    given = {"dog": images_of("dog", PAIR, priors=2), "cat": images_of("cat", [])}
    assert blank_metrics([protocol("dino", "div", "pres")], given) == []


def test_a_protocol_that_counts_one_image_of_a_prompt_has_no_pairs() -> None:
    given = {"dog": images_of("dog", PAIR)}
    (line,) = blank_metrics([protocol("dino", "div", images=1)], given)
    assert line.startswith("DIV stays blank: ")
    # Beside one that counts all of them, DIV is no blank, whichever comes first.
    both = [protocol("div"), protocol("div", images=1)]
    assert blank_metrics(both, given) == blank_metrics(both[::-1], given) == []


def test_fewer_images_of_the_bare_class_than_the_protocol_asks_for_are_counted() -> None:
    given = {name: images_of(name, PAIR, priors) for name, priors in [("dog", 1), ("cat", 2), ("vase", 3)]}
    (line,) = blank_metrics([protocol("dino", "pres")], given)
    assert line.startswith("PRES has fewer than 2 images of the bare class for dog (1); ")
    assert line.endswith("--set protocol.prior_images=1")
    assert blank_metrics([protocol("dino")], given) == []


def test_a_run_that_draws_one_image_of_a_prompt_has_no_pairs() -> None:
    (line,) = blank_in_run([protocol("dino", "div", "pres")], 1)
    assert line.startswith("DIV stays blank: there is no prompt with two images; give --images-per-prompt 2")
    (line,) = blank_in_run([protocol("div", images=1)], 4)
    assert "set protocol.images to 2" in line
    assert blank_in_run([protocol("div"), protocol("div", images=1)], 2) == []
    assert blank_in_run([protocol("dino", "pres")], 1) == []


def test_where_nothing_is_left_it_is_refused() -> None:
    given = {"dog": images_of("dog", PAIR)}
    with pytest.raises(DreambenchError, match="PRES has nothing to compare") as refused:
        blank_metrics([protocol("pres")], given)
    assert "class-000.png" in str(refused.value.remedy)
    assert len(blank_metrics([protocol("pres"), protocol("dino")], given)) == 1


def test_score_says_it_before_it_scores(tmp_path: Path) -> None:
    photos = sorted((data_folder() / "mini" / "photos" / "dog").glob("*.png"))
    images = {"dog": {0: [Image.open(photo) for photo in photos[:2]]}}
    asked = {"preset": "mini", "subjects": ["dog"], "prompts": "0", "images_per_prompt": 2, "device": "cpu"}
    watch = Silent()
    score(images, **asked, metrics=["dino", "pres"], out=tmp_path / "s", reporter=watch)
    assert [line for line in watch.lines if "PRES stays blank" in line]
    with pytest.raises(DreambenchError, match="PRES has nothing to compare"):
        score(images, **asked, metrics=["pres"], out=tmp_path / "none", reporter=watch)
    assert not (tmp_path / "none").exists()


def test_a_scorer_of_no_metric_is_refused() -> None:
    with pytest.raises(DreambenchError, match="no metric is asked for"):
        Scorer([Image.new("RGB", (64, 64))], "dog", protocol="mini", metrics=[], device="cpu")
