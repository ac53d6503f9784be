"""The draw: what is asked, how often, on which side, and that a seed fixes it."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from dreambench.errors import DreambenchError
from dreambench.study.candidates import CommonCell
from dreambench.study.draw import Sizes, draw_checks, draw_pairs, draw_raters
from dreambench.study.study_plan import Pair, StudyName

CELLS = [
    CommonCell(f"s{subject:02d}", "dog", prompt, "a dog", ("a0", "a1", "a2", "a3"), ("b0", "b1", "b2", "b3"))
    for subject in range(30)
    for prompt in range(25)
]


def name(file: str) -> str:
    """A picture's name, one for each file."""
    return f"{hashlib.sha256(file.encode()).hexdigest()[:16]}.webp"


def pairs_of(cells: list[CommonCell], study: StudyName, sizes: Sizes, seed: int) -> list[Pair]:
    return draw_pairs(cells, study, sizes, seed, name, lambda file: name(f"the other run's {file}"))


PHOTOS = {"ant": ("dog", ["a1", "a2", "a3"]), "bee": ("cat", ["b1"]), "elk": ("dog", ["e1", "e2"])}


def test_the_default_is_the_papers_study() -> None:
    pairs = pairs_of(CELLS, "subject", Sizes(), 0)
    raters = draw_raters(pairs, "subject", Sizes(), 0)
    assert len(pairs) == len({(p.subject, p.prompt_index) for p in pairs}) == 600
    assert len(raters) == 72
    assert sum(len(rater.steps) for rater in raters) == 1800
    asked = Counter(step.item for rater in raters for step in rater.steps)
    assert set(asked.values()) == {3}


def test_every_image_of_a_cell_can_be_drawn() -> None:
    pairs = pairs_of(CELLS, "prompt", Sizes(), 0)
    assert {pair.file_a for pair in pairs} == {"a0", "a1", "a2", "a3"}
    assert {pair.file_b for pair in pairs} == {"b0", "b1", "b2", "b3"}
    for pair in pairs:
        assert pair.picture_a == name(pair.file_a)
        assert pair.picture_b == name(f"the other run's {pair.file_b}")


def test_sides_and_order_are_the_raters_own() -> None:
    pairs = pairs_of(CELLS, "subject", Sizes(), 0)
    raters = draw_raters(pairs, "subject", Sizes(), 0)
    swapped = sum(step.swapped for rater in raters for step in rater.steps)
    assert 800 < swapped < 1000  # 900 +- 5 standard deviations of 21
    assert len({tuple(step.item for step in rater.steps) for rater in raters[:3]}) == 3
    sides = [{step.item: step.swapped for step in rater.steps} for rater in raters[:3]]
    assert len({tuple(sorted(side.items())) for side in sides}) == 3


def test_a_seed_fixes_the_draw_and_the_studies_differ() -> None:
    first, again, other = (pairs_of(CELLS, "subject", Sizes(), seed) for seed in (1, 1, 2))
    assert first == again != other
    assert draw_raters(first, "subject", Sizes(), 1) == draw_raters(again, "subject", Sizes(), 1)
    prompts = pairs_of(CELLS, "prompt", Sizes(), 1)
    assert [(p.subject, p.prompt_index) for p in prompts] != [(p.subject, p.prompt_index) for p in first]


def test_a_seed_fixes_sides_and_checks_too_and_each_study_asks_its_own() -> None:
    sizes = Sizes(20, 5, 3, 2)
    items = [
        item
        for study in ("subject", "prompt")
        for item in (*pairs_of(CELLS, study, sizes, 0), *draw_checks(PHOTOS, study, sizes, 0, name))
    ]
    first, again, other = (draw_raters(items, "subject", sizes, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert draw_checks(PHOTOS, "subject", sizes, 1, name) != draw_checks(PHOTOS, "subject", sizes, 2, name)
    for study in ("subject", "prompt"):
        for rater in draw_raters(items, study, sizes, 0):
            asked = [step.item for step in rater.steps]
            kinds = Counter(name.partition("-")[0] for name in asked)
            assert kinds == {study: 5, f"{study}check": 2}
            assert len(set(asked)) == 7


@pytest.mark.parametrize(
    ("cells", "remedy"),
    [
        (CELLS[:10], "give --questionnaires 3$"),
        (CELLS[:2], "give --questionnaires 1 --questions 2$"),
        ([], "same subjects"),
    ],
)
def test_too_few_cells(cells: list[CommonCell], remedy: str) -> None:
    with pytest.raises(DreambenchError, match=f"share {len(cells)} cells.*need 12; .*{remedy}"):
        pairs_of(cells, "subject", Sizes(4, 3), 0)


def test_checks_set_a_photo_of_the_subject_against_another_class() -> None:
    checks = draw_checks(PHOTOS, "subject", Sizes(20, 5, 3, 2), 0, name)
    assert Counter(check.questionnaire for check in checks) == dict.fromkeys(range(1, 21), 2)
    for check in checks:
        assert check.subject != "bee"  # its only photo would leave no reference
        assert {check.picture_a, *check.photos} == set(map(name, PHOTOS[check.subject][1]))
        assert check.picture_a not in check.photos  # the photo in question is not a reference
        assert check.picture_b == name("b1")
    of_prompts = draw_checks(PHOTOS, "prompt", Sizes(20, 5, 3, 2), 0, name)
    assert "bee" in {check.subject for check in of_prompts}
    assert {check.photos for check in of_prompts} == {()}


def test_checks_need_two_classes() -> None:
    with pytest.raises(DreambenchError, match=r"--checks 1.*two class nouns.*leave --checks out"):
        draw_checks({"ant": PHOTOS["ant"], "elk": PHOTOS["elk"]}, "subject", Sizes(1, 1, 1, 1), 0, name)
