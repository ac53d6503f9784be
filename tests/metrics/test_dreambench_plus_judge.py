"""DreamBench++'s judge against a real server on loopback, with prompts of the tests' own in its layout."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dreambench.dataset import judge_prompts
from dreambench.errors import DreambenchError
from dreambench.metrics.dreambench_plus_judge import PlusJudge, PlusJudgeSpec, parsed_score
from dreambench.models.weights import missing_weights, with_fingerprints
from dreambench.spec.file_metric import ScoredFile
from dreambench.spec.presets import protocol_spec
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.registries import get_metric
from dreambench.spec.signature import protocol_fields
from dreambench.store import RunFolder
from tests.metrics.chat_server import Server
from tests.metrics.material import Material, score

CP, PF = get_metric("judge_cp"), get_metric("judge_pf")
SUBJECT, STYLE = "object_07_mug", "style_00_ukiyo-e"


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    folder = tmp_path / "prompts"
    folder.mkdir()
    for question in judge_prompts.QUESTIONS:
        (folder / f"user_prompt_{question}_full.txt").write_text(f"\nRate the {question}.\n")
        (folder / f"gpt_prompt_{question}_full.txt").write_text(f"I rate the {question}.\n")
    return folder


@pytest.fixture
def files(tmp_path: Path) -> list[ScoredFile]:
    """A transparent image of an odd shape, and an opaque one."""
    Image.new("RGB", (40, 30), "navy").save(tmp_path / "photo.jpg")
    Image.new("RGBA", (600, 200), (200, 0, 0, 0)).save(tmp_path / "0.png")
    Image.new("RGB", (64, 64), "green").save(tmp_path / "1.png")
    photos = (tmp_path / "photo.jpg", tmp_path / "not looked at.jpg")
    return [ScoredFile(tmp_path / f"{i}.png", f"a mug, {i}", photos, SUBJECT) for i in range(2)]


@pytest.fixture
def asked(server: Server, prompts: Path, tmp_path: Path):
    """Score files by one of the metrics, one request at a time; return the scores and what was said."""

    def call(metric: PlusJudge, files: list[ScoredFile], **settings) -> tuple[list[float], list[str]]:
        fields = {"url": server.url, "model": "m-1", "wait": 0, "retries": 0, "requests": 1}
        spec = PlusJudgeSpec(**{**fields, "prompts": str(prompts), **settings})
        said: list[str] = []
        return metric.score_files(files, spec, tmp_path / "kept.json", said.append), said

    server.script = [(200, "Score: 3")]
    return call


def shown(part: dict) -> Image.Image:
    """Return the image of a part of a message, which is a JPEG in high detail."""
    assert part["type"] == "image_url"
    assert part["image_url"]["detail"] == "high"
    head, _, content = part["image_url"]["url"].partition(",")
    assert head == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


def test_concept_preservation_asks_as_the_script_does(asked, server, files):
    assert asked(CP, files[:1], runs=1) == ([0.75], [])
    request = server.asked[0]
    assert (request["model"], request["temperature"]) == ("m-1", 1)
    assert 0 <= request["seed"] < 2**31
    question, answer, samples = request["messages"]
    assert question == {"role": "user", "content": "Rate the subject."}
    assert answer == {"role": "assistant", "content": "I rate the subject."}
    photo, image = map(shown, samples["content"])
    assert photo.format == image.format == "JPEG"
    assert photo.size == image.size == (512, 512)
    assert np.abs(np.asarray(photo, int) - (0, 0, 128)).max() <= 2
    assert np.asarray(image).min() == 255  # transparent is white
    by_hand = io.BytesIO()
    Image.open(files[0].photos[0]).convert("RGB").resize((512, 512)).save(by_hand, format="JPEG")
    assert np.array_equal(np.asarray(photo), np.asarray(Image.open(by_hand)))


def test_a_style_has_prompts_of_its_own(asked, server, files):
    asked(CP, [replace(files[0], subject=STYLE)], runs=1)
    assert [m["content"] for m in server.asked[0]["messages"][:2]] == ["Rate the style.", "I rate the style."]


def test_prompt_following_shows_the_prompt_and_the_image_alone(asked, server, files):
    assert asked(PF, [replace(files[1], subject=STYLE)], runs=1) == ([0.75], [])
    question, answer, samples = server.asked[0]["messages"]
    assert (question["content"], answer["content"]) == ("Rate the text.", "I rate the text.")
    text, image = samples["content"]
    assert text == {"type": "text", "text": "a mug, 1"}
    assert shown(image).size == (512, 512)


def test_runs_are_averaged_and_each_reply_is_stored(asked, server, files):
    server.script = [(200, f"Score: {n}") for n in (4, 2, 3, 0, 1, 0)]
    scores, said = asked(CP, files)
    assert scores == pytest.approx([9 / 12, 1 / 12])
    assert asked(CP, files) == (scores, said) == (scores, [])
    assert len(server.asked) == 6
    assert len({request["seed"] for request in server.asked}) == 6
    server.script = [(200, "Score: 0")]
    assert asked(CP, files, runs=4)[0] == pytest.approx([9 / 16, 1 / 16])
    assert len(server.asked) == 8  # the fourth run alone
    assert asked(PF, files)[0] == [0, 0]  # in the same file, with replies of its own
    assert len(server.asked) == 14


def test_many_requests_at_a_time_give_the_same(asked, server, files):
    assert asked(CP, files, requests=8) == ([0.75, 0.75], [])
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("Score: 3", 0.75),
        ("Analysis: close.\nscore:  four 4", 1.0),
        ("Score:0", 0.0),
        ("Score: 3/4", 0.75),
        ("I cannot compare people.", math.nan),
        ("Score: three", math.nan),
        ("**Score**: 3", math.nan),
        ("Score: 2. On a second look, Score: 3", math.nan),
        ("Score: 5", math.nan),
        ("Score: " + "9" * 5000, math.nan),
    ],
)
def test_a_reply_has_exactly_one_score_of_the_scale(reply, score):
    assert parsed_score(reply) == pytest.approx(score, nan_ok=True)


def test_an_unreadable_reply_is_asked_for_again_three_times_in_all(asked, server, files):
    server.script = [(200, "Sorry."), (200, "Score: 9"), (200, "Score: 1")]
    assert asked(CP, files[:1], runs=1) == ([0.25], [])
    assert len(server.asked) == 3


def test_what_stays_unreadable_is_counted_and_asked_for_by_the_next_command(asked, server, files):
    server.script = [(200, "Score: 2"), *[(200, "Sorry.")] * 3, (200, "Score: 4"), *[(200, "Sorry.")] * 9]
    scores, said = asked(CP, files)
    assert scores[0] == 0.75  # of two runs
    assert math.isnan(scores[1])
    assert said == [
        "judge_cp m-1: 4 of 6 replies are missing (4 without one score from 0 to 4), left out of their "
        "images' means; 1 score is missing"
    ]
    server.script = [(200, "Score: 0")]
    assert asked(CP, files) == ([0.5, 0], [])


def test_a_fault_is_one_line_and_missing_scores(asked, server, files):
    server.script = [(500, "down")]
    scores, said = asked(PF, files, runs=2)
    assert all(map(math.isnan, scores))
    assert len(server.asked) == 4
    assert len(said) == 1
    assert "4 of 4 replies are missing (4 http://127.0.0.1" in said[0]
    assert "2 scores are missing" in said[0]


def test_nobody_listens(asked, files):
    with pytest.raises(DreambenchError, match=r"protocol\.encoders\.judge_plus\.url=.*nobody answers there"):
        asked(CP, files, url="http://127.0.0.1:9/v1", requests=8)


def test_without_prompts_one_line_says_the_remedy_before_any_work(prompts, tmp_path):
    named = protocol_spec("dreambench++-judge")
    (line,) = missing_weights(named)
    assert "user_prompt_subject_full.txt: missing" in line
    assert "`dreambench data pull dreambench-plus-prompts`" in line
    assert "\n" not in line
    with pytest.raises(DreambenchError, match="data pull dreambench-plus-prompts"):
        with_fingerprints(named)
    (prompts / "gpt_prompt_text_full.txt").unlink()
    lacking = named.with_encoder_specs({"judge_plus": PlusJudgeSpec(prompts=str(prompts))})
    assert "gpt_prompt_text_full.txt cannot be read there" in missing_weights(lacking)[0]


def test_the_signature_names_model_prompts_temperature_and_runs(prompts):
    def fields(**settings: object) -> dict[str, str]:
        spec = PlusJudgeSpec(prompts=str(prompts), **settings)
        asked = ProtocolSpec(metrics=("judge_cp", "judge_pf"), encoders={"judge_plus": spec.model_dump()})
        return protocol_fields(with_fingerprints(asked))

    usual = fields()
    assert usual["judge_cp"] == usual["judge_pf"]
    model, digest, *rest = usual["judge_cp"].split("/")
    assert (model, rest) == ("gpt-4o-2024-05-13", ["t1", "runs3"])
    assert digest.startswith("prompts-")
    assert fields(url="http://b/v1", requests=1) == usual
    (prompts / "user_prompt_text_full.txt").write_text("Rate the text.\r\n\r\n")
    assert fields() == usual  # what is sent is the same
    (prompts / "user_prompt_text_full.txt").write_text("Rate it.")
    assert fields() != usual


def test_settings_that_change_no_reply_keep_the_stored_ones_and_others_do_not():
    def key(**settings: object) -> str:
        return ProtocolSpec(metrics=("judge_cp",), encoders={"judge_plus": settings}).encoder_key(
            "judge_plus"
        )

    assert key() == key(url="http://b/v1", requests=1, retries=0, timeout=9, runs=5, prompts="elsewhere")
    assert len({key(), key(model="m-1"), key(temperature=0)}) == 3


def test_the_means_are_those_of_the_scripts(server, prompts, run: RunFolder, material: Material):
    """A mean over images of the first image per prompt: each run's mean over 4, and the mean of the runs."""
    server.script = [(200, f"Score: {n % 5}") for n in range(24)]
    fields = {"url": server.url, "requests": 1, "prompts": str(prompts)}
    named = protocol_spec("dreambench++-judge")
    cells = [cell for cell in material.cells if cell.image_index == 0]
    spec = named.with_encoder_specs({"judge_plus": PlusJudgeSpec(**fields)})
    score(run, material, spec, cells=cells, priors={})
    table = run.scores("images")
    given = np.arange(24).reshape(2, 2, 6) % 5 / 4  # by subject, metric; 2 images of 3 runs each
    for index, metric in enumerate(("judge_cp", "judge_pf")):
        by_run = given[:, index].reshape(4, 3)
        assert table[metric].mean() == pytest.approx(np.mean([np.mean(one) for one in by_run.T]))
    assert (named.averaging, named.images, named.references) == ("images", 1, "listed")
