"""The prompts: official texts, selection, and recognizing a caption."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dreambench.dataset import (
    Prompt,
    Subject,
    match_prompt,
    official_prompts,
    official_subjects,
    select_prompts,
)
from dreambench.dataset.prompts import Category
from dreambench.errors import DreambenchError

DOG = Subject("dog", "dog", "live", ())
PLUSHIE = Subject("wolf_plushie", "stuffed animal", "object", ())


def test_subjects_and_prompts_agree_with_the_official_file(official: Path) -> None:
    text = (official / "prompts_and_classes.txt").read_text()
    classes = re.findall(r"^(\w+),([\w ]+)$", text, re.MULTILINE)[1:]
    assert [(s.name, s.class_noun) for s in official_subjects()] == classes
    lists = text.split("prompt_list")[1:]
    for category, block in zip(("object", "live"), lists, strict=True):
        templates = re.findall(r"'(a .*)'\.format\(unique_token, class_token\)", block)
        ours = [p.text("CLASS", "TOKEN") for p in official_prompts(category)]  # type: ignore[arg-type]
        assert ours == [template.format("TOKEN", "CLASS") for template in templates]


def test_counts_are_the_papers() -> None:
    subjects = official_subjects()
    assert len(subjects) == 30
    assert len({s.class_noun for s in subjects}) == 15
    live = [s.class_noun for s in subjects if s.category == "live"]
    assert (live.count("cat"), live.count("dog"), len(live)) == (2, 7, 9)
    assert sum(s.photo_count for s in subjects) == 158
    assert {s.photo_count for s in subjects} == {4, 5, 6}


@pytest.mark.parametrize(
    ("category", "kinds"),
    [
        ("object", ["recontextualization"] * 20 + ["property modification"] * 5),
        (
            "live",
            ["recontextualization"] * 10 + ["accessorization"] * 10 + ["property modification"] * 5,
        ),
    ],
)
def test_kinds_and_indices(category: Category, kinds: list[str]) -> None:
    prompts = official_prompts(category)
    assert [p.kind for p in prompts] == kinds
    assert [p.index for p in prompts] == list(range(25))


def test_text_drops_what_is_missing_with_its_space() -> None:
    first, red = official_prompts("live")[0], official_prompts("live")[20]
    assert first.text("dog") == "a dog in the jungle"
    assert first.text("dog", "sks") == "a sks dog in the jungle"
    assert first.text(None, "sks") == "a sks in the jungle"
    assert first.text("", "{x} y") == "a {x} y in the jungle"
    assert red.text("dog") == "a red dog"
    assert red.text("stuffed animal", "sks") == "a red sks stuffed animal"
    with pytest.raises(DreambenchError, match="no subject"):
        first.text(None)


def test_select_prompts() -> None:
    assert select_prompts(official_prompts("object"), "all") == official_prompts("object")
    assert [p.index for p in select_prompts(official_prompts("live"), "0-4,7")] == [0, 1, 2, 3, 4, 7]
    assert [p.index for p in select_prompts(official_prompts("live"), " 24 , 3 - 3")] == [24, 3]


@pytest.mark.parametrize(
    ("selection", "reason"),
    [
        ("", "not an index"),
        ("1,", "not an index"),
        ("1;2", "not an index"),
        ("-1", "not an index"),
        ("1-", "not an index"),
        ("1-2-3", "not an index"),
        ("x", "not an index"),
        ("²", "not an index"),
        ("1.0", "not an index"),
        ("4-0", "reversed"),
        ("25", "no prompt 25"),
        ("0-25", "no prompt 25"),
        ("0-999999999", "no prompt"),
        ("0-4,4", "twice"),
        ("all,1", "not an index"),
    ],
)
def test_a_bad_selection_is_told(selection: str, reason: str) -> None:
    with pytest.raises(DreambenchError, match=reason):
        select_prompts(official_prompts("object"), selection)


def test_an_unknown_category_is_told() -> None:
    with pytest.raises(DreambenchError, match="'animal'"):
        official_prompts("animal")  # type: ignore[arg-type]


def test_every_official_caption_is_recognised_in_every_form() -> None:
    forms = (None, "sks", "<new1>", "zwx tdt", "a b c", "red", "Photo")
    for official in official_subjects():
        subject = Subject(official.name, official.class_noun, official.category, ())
        for prompt in subject.prompts:
            for identifier in forms:
                caption = prompt.text(subject.class_noun, identifier)
                assert match_prompt(caption, subject) == prompt, caption
                assert match_prompt(f"  {caption.upper()} \n", subject) == prompt, caption


@pytest.mark.parametrize(
    ("caption", "subject", "index"),
    [
        ("a red dog", DOG, 20),
        ("a red <new1> dog", DOG, 20),
        ("a shiny red dog", DOG, 22),
        ("a red shiny dog", DOG, 20),
        ("a cube shaped dog", DOG, 24),
        ("a red dog in the snow", DOG, 1),
        ("a wet stuffed animal", PLUSHIE, 23),
    ],
)
def test_ambiguous_captions(caption: str, subject: Subject, index: int) -> None:
    assert match_prompt(caption, subject) == subject.prompts[index]


@pytest.mark.parametrize(
    "caption",
    [
        "",
        "dog",
        "a dog",
        "a sks dog",
        "a cat in the snow",
        "a dog in the snow at night",
        "the dog in the snow",
        "a one two three four dog in the snow",
        "a dogs in the snow",
    ],
)
def test_other_captions_are_not_recognised(caption: str) -> None:
    assert match_prompt(caption, DOG) is None


def test_the_reading_with_fewest_identifier_words_wins() -> None:
    # With this class noun the caption also reads as "a red [4 words] water".
    water = Subject("water", "water", "object", ())
    prompt = match_prompt("a red water floating on top of water", water)
    assert prompt == Prompt(13, "a {identifier} {class_noun} floating on top of water", "recontextualization")
