"""Pairs of subjects in a dataset's place: their photos, their prompts, and what cannot be a pair."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dreambench.dataset import Dataset, Photo, Prompt, Subject, match_prompt
from dreambench.dataset.subject_pairs import with_pairs
from dreambench.errors import DreambenchError
from dreambench.spec.presets import protocol_spec

#: SHA-256 of the prompts of UNO's datasets/dreambench_multiip.json at d305981, one a line, in its order.
UNO_PROMPTS = "8844ac35248037ca44b6c1e0914907d7f4094dfbb8ad1fc5dc92fd83f0ea45aa"


def photos(*names: str) -> tuple[Photo, ...]:
    return tuple(Photo(Path(name), name) for name in names)


CAT = Subject("cat", "cat", "live", photos("cat/00.jpg", "cat/01.jpg"))
TEAPOT = Subject("teapot", "teapot", "object", photos("teapot/00.jpg"))
CAN = Subject("can", "can", "object", photos("can/00.jpg"))
DATASET = Dataset("some", "1", "f", Path(), (CAT, TEAPOT, CAN))


def pair(first: str, second: str) -> Subject:
    (found,) = with_pairs(DATASET, {f"{first}+{second}": (first, second)}).subjects
    return found


def test_a_pair_is_a_subject_with_the_photos_of_both() -> None:
    found = pair("cat", "teapot")
    assert (found.name, found.class_noun, found.category) == ("cat+teapot", "cat and a teapot", "live")
    assert found.photos == (*CAT.photos, *TEAPOT.photos)
    assert found.parts == (CAT, TEAPOT)
    named = {"teapot+cat": ("teapot", "cat"), "cat+can": ("cat", "can")}
    assert [subject.name for subject in with_pairs(DATASET, named).subjects] == list(named)  # in their order
    assert with_pairs(DATASET, named).label == DATASET.label


def test_the_prompts_name_both_subjects() -> None:
    texts = [prompt.text("cat and a teapot") for prompt in pair("cat", "teapot").prompts]
    assert len(texts) == 25
    assert texts[0] == "a cat and a teapot in the jungle"
    assert texts[14] == "a cat in a chef outfit, next to it is a teapot"
    assert texts[24] == "a cube shaped cat, next to it is a teapot"
    objects = [prompt.text("can and a teapot") for prompt in pair("can", "teapot").prompts]
    assert objects[19] == "a can and a teapot on top of a white rug"
    assert objects[24] == "a cube shaped can and a cube shaped teapot"
    assert match_prompt("A can and a teapot on the  beach", pair("can", "teapot")).index == 2
    assert match_prompt("a can on the beach", pair("can", "teapot")) is None


def test_unos_750_prompts_follow_the_rule() -> None:
    from dreambench.dataset import official_subjects

    known = tuple(Subject(s.name, s.class_noun, s.category, ()) for s in official_subjects())
    named = protocol_spec("uno-multi").named_pairs()
    pairs = with_pairs(Dataset("official", "", "", Path(), known), named).subjects
    lines = [prompt.text(each.class_noun) for each in pairs for prompt in each.prompts]
    assert len(lines) == 750
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == UNO_PROMPTS


def test_an_unknown_subject_and_prompts_of_ones_own_are_refused() -> None:
    with pytest.raises(DreambenchError, match=r"names 'cta', which the dataset some@1 .* mean 'cat'\?"):
        with_pairs(DATASET, {"cta+can": ("cta", "can")})
    own = Subject("mug", "mug", "object", CAN.photos, (Prompt(0, "a {identifier} {class_noun}", "mine"),))
    with pytest.raises(DreambenchError, match="prompts of its own, and pairs are asked the official ones"):
        with_pairs(Dataset("own", "1", "f", Path(), (CAT, own)), {"cat+mug": ("cat", "mug")})
