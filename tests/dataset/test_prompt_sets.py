"""The galleries' prompt sets: the paper's applications by hand, a user's file, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from dreambench.dataset.prompt_sets import prompt_set_names, read_prompt_set
from dreambench.dataset.prompts import Prompt
from dreambench.errors import DreambenchError


def written(folder: Path, text: str, name: str = "mine.yaml") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_the_applications_are_the_papers() -> None:
    applications = read_prompt_set("applications")
    assert {g.name: (len(g.prompts), g.suits == ("live",)) for g in applications.groups} == {
        "art-renditions-paintings": (6, False),
        "art-renditions-statues": (2, False),
        "expressions": (8, True),
        "novel-views": (4, False),
        "accessories": (6, True),
        "property-modification-colours": (5, False),
        "property-modification-materials": (5, False),
        "property-modification-species-crosses": (5, True),
        "comic-panels": (6, False),
    }
    prompts = [p for g in applications.groups for p in g.prompts]
    assert [p.index for p in prompts] == list(range(47))
    assert all("section 4.4" in g.source or "supplement" in g.source for g in applications.groups)
    texts = {p.text("dog", "[V]") for p in prompts}
    assert {
        "a painting of a [V] dog in the style of Vincent van Gogh",
        "a statue of a [V] dog in the style of Michelangelo",
        "a [V] dog seen from the back",
        "a [V] dog wearing a witch outfit",
        "a red [V] dog",
        "a transparent [V] dog",
        "a [V] dog made out of stone",
        "a cross of a [V] dog and a bear",
        'a [V] dog grabbing a fork and a knife saying "time to eat"',
    } <= texts
    assert len(texts) == 47


def test_objects_have_no_expressions_clothes_and_species() -> None:
    asked = [g.name for g in read_prompt_set("applications").for_category("object")]
    assert asked == [
        "art-renditions-paintings",
        "art-renditions-statues",
        "novel-views",
        "property-modification-colours",
        "property-modification-materials",
        "comic-panels",
    ]


def test_every_set_that_is_listed_can_be_read_and_the_benchmarks_own_are_not_listed() -> None:
    names = prompt_set_names()
    assert "applications" in names
    assert not {"live", "object"} & set(names)
    assert all(read_prompt_set(name).name == name for name in names)


def test_punctuation_at_a_placeholder_and_missing_words() -> None:
    prompt = Prompt(0, "oil on canvas: {identifier} {class_noun}, seen from afar ({class_noun})", "own")
    assert prompt.text("dog", "sks") == "oil on canvas: sks dog, seen from afar (dog)"
    assert prompt.text("dog") == "oil on canvas: dog, seen from afar (dog)"
    assert prompt.text(None, "sks") == "oil on canvas: sks, seen from afar ()"
    first = Prompt(0, "{identifier} {class_noun} by night", "own")
    assert (first.text("dog"), first.text(None, "sks")) == ("dog by night", "sks by night")


def test_a_users_file_with_groups_and_includes(tmp_path: Path) -> None:
    written(tmp_path, "title: More\nprompts: ['{identifier} {class_noun}, more']\n", "more.yaml")
    file = written(
        tmp_path,
        "title: My own\nsource: me\nsuits: [live]\n"
        "prompts:\n  - a {identifier} {class_noun} on the moon\n"
        "groups:\n  - {title: My own, suits: [object], prompts: ['a tiny {identifier} {class_noun}']}\n"
        "include: [novel-views, more.yaml]\n",
    )
    mine = read_prompt_set(file)
    assert (mine.name, mine.title, mine.source) == ("mine", "My own", "me")
    assert [g.name for g in mine.groups] == ["my-own", "my-own-2", "novel-views", "more"]
    assert [g.suits for g in mine.groups[:2]] == [("live",), ("object",)]
    assert mine.groups[1].source == "me"
    assert [p.index for g in mine.groups for p in g.prompts] == list(range(7))
    assert mine.groups[3].prompts[0].text("dog", "sks") == "sks dog, more"


GOOD = "'a {identifier} {class_noun}'"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "contains no prompts"),
        ("- a", "contains no prompts"),
        ("title: [", "is not valid YAML"),
        (f"prompts: [{GOOD}]", "field title: is missing"),
        ("title: T", "field prompts: is missing"),
        ("title: T\nprompts: []", "field prompts: is missing"),
        (f"title: T\nprompt: [{GOOD}]", "field prompt: is unknown"),
        (f"title: ''\nprompts: [{GOOD}]", "field title: should be one line of text"),
        (f"title: T\nprompts: {GOOD}", "field prompts: should be a valid list"),
        (f"title: T\nprompts: [{GOOD}, 3]", r"field prompts\[1\]: should be a valid string"),
        ("title: T\nprompts:\n - {identifier} dog", "is not valid YAML"),
        ("title: T\nprompts: ['a {class_noun}']", r"field prompts\[0\]: \{identifier\} is missing"),
        ("title: T\nprompts: ['a {identifier} {noun}']", r"field prompts\[0\]: \{noun\} is unknown"),
        ("title: T\nprompts: ['a {identifier} {class_noun} }']", r"field prompts\[0\]: a brace"),
        (f"title: T\nprompts: [{GOOD}, {GOOD}]", "field prompts: .* is there twice"),
        (f"title: T\nsuits: [plant]\nprompts: [{GOOD}]", r"field suits\[0\]: should be 'object' or 'live'"),
        (f"title: T\nsuits: []\nprompts: [{GOOD}]", "field suits: "),
        ("title: T\ngroups: [{title: G, prompts: []}]", r"field groups\[0\].prompts: "),
        ("title: T\ninclude: [novel-view]", "did you mean 'novel-views'"),
        ("title: T\ninclude: [mine.yaml]", r"field include\[0\]: mine.yaml includes itself"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_file_and_field(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(DreambenchError, match=told) as error:
        read_prompt_set(written(tmp_path, text))
    assert "\n" not in str(error.value)
    assert str(tmp_path / "mine.yaml") in str(error.value)


@pytest.mark.parametrize("name", ["live", "object", "application", "no/such.yaml"])
def test_an_unknown_set_is_told_with_the_known_ones(name: str) -> None:
    with pytest.raises(DreambenchError, match="known: accessories, applications"):
        read_prompt_set(name)
