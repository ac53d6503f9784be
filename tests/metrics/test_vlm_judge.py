"""The judge against a real server on loopback that speaks the protocol, and one with every fault."""

from __future__ import annotations

import base64
import math
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from dreambench.errors import DreambenchError
from dreambench.metrics.vlm_judge import JudgeSpec, VlmJudge, parsed
from dreambench.spec.file_metric import ScoredFile
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.signature import protocol_fields
from tests.metrics.chat_server import Server


@pytest.fixture
def files(tmp_path: Path) -> list[ScoredFile]:
    Image.new("RGB", (8, 8), "white").save(tmp_path / "photo.jpg")
    found = []
    for number, color in enumerate(("red", "green", "blue")):
        Image.new("RGB", (8, 8), color).save(tmp_path / f"{number}.png")
        found.append(ScoredFile(tmp_path / f"{number}.png", f"a {color} dog", (tmp_path / "photo.jpg",)))
    return found


def judge(server: Server, files: list[ScoredFile], kept: Path, **settings) -> tuple[list[float], list[str]]:
    said: list[str] = []
    spec = JudgeSpec(**{"url": server.url, "model": "m-1", "wait": 0, "retries": 2, "timeout": 5, **settings})
    return VlmJudge().score_files(files, spec, kept, said.append), said


def test_it_asks_as_the_protocol_says_and_takes_the_smaller_score(server, files, tmp_path, monkeypatch):
    monkeypatch.setenv("MY_KEY", "abc")
    values, said = judge(server, files, tmp_path / "kept.json", key_variable="MY_KEY")
    assert values == [6.0, 6.0, 6.0]
    assert said == []
    first = server.asked[0]
    assert (first["path"], first["model"], first["temperature"]) == ("/v1/chat/completions", "m-1", 0)
    photo, image, text = first["messages"][0]["content"]
    assert photo["image_url"]["url"].startswith("data:image/jpeg;base64,")
    assert image["image_url"]["url"].startswith("data:image/png;base64,")
    assert "a red dog" in text["text"]
    assert server.keys[0] == "Bearer abc"
    assert "abc" not in (tmp_path / "kept.json").read_text()


def test_formats_that_endpoints_do_not_read_are_sent_as_png(server, files, tmp_path):
    Image.new("RGB", (8, 8), "white").save(tmp_path / "photo.bmp")
    judge(server, [replace(files[0], photos=(tmp_path / "photo.bmp",))], tmp_path / "kept.json")
    head, _, content = server.asked[0]["messages"][0]["content"][0]["image_url"]["url"].partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(content).startswith(b"\x89PNG")


def test_replies_are_stored_and_not_asked_for_again(server, files, tmp_path):
    kept = tmp_path / "kept.json"
    first, _ = judge(server, files, kept)
    again, _ = judge(server, files, kept)
    assert first == again
    assert len(server.asked) == 3
    other, _ = judge(server, files, kept, model="m-2")
    assert len(server.asked) == 6  # another model is asked
    assert other == first


def test_a_reply_with_half_a_character_is_read_and_stored(server, files, tmp_path):
    server.script = [(200, '{"score": [9, 7], "reason": "cut \ud83d"}')]
    for _ in range(2):
        scores, said = judge(server, files, tmp_path / "kept.json")
        assert (scores, said) == ([7.0] * 3, [])
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    "reply",
    [
        "I cannot see images.",
        '{"score": [9]}',
        '{"score": "ten"}',
        '{"score": [11, 3]}',
        '{"score": [1, null]}',
    ],
)
def test_a_reply_that_cannot_be_read_stays_missing_and_is_counted(server, files, tmp_path, reply):
    server.script = [(200, '{"score": [5, 7]}'), (200, reply), (200, '{"score": [10, 9]}')]
    values, said = judge(server, files, tmp_path / "kept.json")
    assert values[0] == 5
    assert math.isnan(values[1])
    assert values[2] == 9
    assert said == ["judge m-1: 1 replies cannot be read, and their scores are missing"]
    assert math.isnan(parsed(reply))


@pytest.mark.parametrize("fault", [(503, "busy"), (429, "slow down"), (200, b"<html>"), (200, "hang up")])
def test_a_passing_fault_is_tried_again(server, files, tmp_path, fault):
    server.script = [fault, fault, (200, '{"score": [4, 8]}')]
    values, said = judge(server, files[:1], tmp_path / "kept.json")
    assert values == [4.0]
    assert said == []
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("fault", "requests", "message"),
    [
        ((500, "down"), 9, "answered 500"),
        ((401, "who are you"), 3, "answered 401"),
        ((200, b"{}"), 9, "not a chat completion"),
    ],
)
def test_a_lasting_fault_is_one_line_and_missing_scores(server, files, tmp_path, fault, requests, message):
    server.script = [fault]
    values, said = judge(server, files, tmp_path / "kept.json")
    assert all(map(math.isnan, values))
    assert len(server.asked) == requests  # bounded
    assert len(said) == 1
    assert message in said[0]
    assert "3 scores are missing" in said[0]
    assert not (tmp_path / "kept.json").exists()  # a failure is no reply


def test_nobody_listens(files, tmp_path, server):
    server.http.server_close()
    with pytest.raises(DreambenchError, match=r"url=http://127.0.0.1:9/v1: nobody answers there; start"):
        judge(server, files, tmp_path / "kept.json", url="http://127.0.0.1:9/v1")


def test_one_that_went_away_leaves_its_scores_missing(files, tmp_path, server):
    judge(server, files[:1], tmp_path / "kept.json")
    server.http.server_close()
    values, said = judge(server, files[:2], tmp_path / "kept.json", url="http://127.0.0.1:9/v1", retries=0)
    assert [math.isnan(value) for value in values] == [False, True]
    assert len(said) == 1


def test_model_and_prompt_are_in_the_signature_and_the_place_is_not():
    def field(**settings: object) -> str:
        spec = ProtocolSpec(metrics=("judge",), encoders={"judge": settings})
        return protocol_fields(spec)["judge"]

    assert field(model="m-1", url="http://a/v1") == field(model="m-1", url="http://b/v1")
    assert field(model="m-1") != field(model="m-2")
    assert "/prompt-" in field()
