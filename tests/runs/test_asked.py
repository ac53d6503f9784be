"""A request as a spec: who has the last word about a field, and what a list may look like."""

from __future__ import annotations

import shutil

import pytest

from dreambench.errors import DreambenchError
from dreambench.runs.asked import asked_protocols, asked_spec, by_protocol, default_preset, parse_subjects


def test_a_users_fields_come_before_defaults_and_overrides_before_both() -> None:
    defaults = {"images_per_prompt": 3, "prompts": "0-2"}
    assert asked_spec("mini", defaults=defaults).images_per_prompt == 3
    assert asked_spec("mini", defaults=defaults, images_per_prompt=2).images_per_prompt == 2
    asked = {"images_per_prompt": 2, "seed": 4}
    for overrides in ({"images_per_prompt": 1}, ["images_per_prompt=1"]):
        found = asked_spec("mini", defaults=defaults, overrides=overrides, **asked)
        assert (found.images_per_prompt, found.seed, found.prompts) == (1, 4, "0-2")


def test_metrics_may_be_text_or_a_list_and_none_of_them_is_refused() -> None:
    for given in ("dino, clip_t", ["dino", "clip_t"], ("dino ", " clip_t", "")):
        assert asked_spec("mini", metrics=given).protocol.metrics == ("dino", "clip_t")
    assert len(asked_spec("mini", metrics=None).protocol.metrics) > 2
    for nothing in ("", [], " , "):
        with pytest.raises(DreambenchError, match=r"protocol\.metrics"):
            asked_spec("mini", metrics=nothing)


def test_one_protocol_of_several_is_the_named_one_or_the_first() -> None:
    assert asked_protocols({"protocol": "paper, uno"}) == asked_protocols({"protocol": ["paper", "uno"]})
    assert asked_protocols({}) == asked_protocols({"protocol": None}) == []
    several = {"protocol": "paper,uno", "seed": 1}
    assert by_protocol(several) == {"protocol": "paper", "seed": 1}
    assert by_protocol(several, "uno") == {"protocol": "uno", "seed": 1}
    assert by_protocol({}) == {"protocol": None}
    with pytest.raises(DreambenchError, match="--protocol paper,uno: this command takes one protocol"):
        asked_spec("mini", protocol="paper,uno")
    with pytest.raises(DreambenchError, match="protocol is a int"):
        asked_protocols({"protocol": 3})


def test_subjects_are_all_or_names() -> None:
    assert (parse_subjects(None), parse_subjects("all")) == (None, "all")
    assert parse_subjects("dog, cat") == parse_subjects(["dog", "cat"]) == ("dog", "cat")
    with pytest.raises(DreambenchError, match="--subjects is empty"):
        parse_subjects(" ,")


def test_the_papers_setting_is_for_those_who_have_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for program, preset in (("/usr/bin/nvidia-smi", "paper-sd15"), (None, "mini")):
        monkeypatch.setattr(shutil, "which", lambda name, found=program: found)
        assert default_preset() == preset
