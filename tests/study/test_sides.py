"""What a rater saw on the left is what "left" votes for, from the plan to Table 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from pydantic import ValidationError

from dreambench.study.database import Database
from dreambench.study.draw import Sizes
from dreambench.study.export import export_study, results_table
from dreambench.study.folder import read_plan
from dreambench.study.questionnaire import Questionnaire
from dreambench.study.study_plan import StudyPlan
from tests.study.material import make_study


def test_the_left_picture_is_the_one_that_left_prefers(tmp_path: Path) -> None:
    """Everyone prefers the second run, and in checks the photo of something else, by the picture."""
    folder = make_study(tmp_path, Sizes(2, 3, 3, checks=1))
    plan, database = read_plan(folder), Database(folder.database_file)
    questionnaire = Questionnaire(plan, database)
    shown = set()
    for rater in plan.raters:
        database.consent(rater.name)
        for position, step in enumerate(rater.steps):
            item, asked = plan.items[step.item], questionnaire.question(rater, position)
            assert {asked.left, asked.right} == {item.picture_a, item.picture_b}
            side = "left" if asked.left == item.picture_b else "right"
            shown.add(side)
            form = {"question": str(position + 1), "answer": side, "shown": asked.stamp}
            questionnaire.take(rater, form)
    assert shown == {"left", "right"}
    found = export_study(folder.path)
    for study in found.studies:
        assert (study.votes_expected, study.pairs_asked) == (18, 6)  # checks are no votes
        assert (study.checks_answered, study.checks_passed) == (6, 0)
        assert study.preference is not None
        assert study.preference.majority["theirs"].share == 1
    assert (found.method_a, found.method_b) == ("ours", "theirs")


@pytest.mark.parametrize(("first", "second", "swapped"), [("a", "b", False), ("b", "a", True)])
def test_the_papers_dreambooth_stands_below_our_first_run(
    tmp_path: Path, first: str, second: str, swapped: bool
) -> None:
    found = export_study(make_study(tmp_path).path)
    table = results_table(found.model_copy(update={"method_a": first, "method_b": second}))
    columns = [[str(cell) for cell in column.cells] for column in table.columns]
    paper = [column[0] for column in columns]
    names = ["DreamBooth, paper", "Textual Inversion, paper"]
    assert paper[1:3] == (names[::-1] if swapped else names)
    assert paper[4:6] == (["22%", "68%"] if swapped else ["68%", "22%"])


def test_only_the_study_of_subjects_shows_photos_and_no_name_is_used_twice(tmp_path: Path) -> None:
    plan = read_plan(make_study(tmp_path))
    for pair in plan.pairs:
        assert bool(plan.shown_photos(pair)) == (pair.study == "subject")
        assert plan.pictures_of(pair) >= {pair.picture_a, pair.picture_b}
    twice = plan.model_dump(mode="json")
    twice["pairs"].append(twice["pairs"][0])
    with pytest.raises(ValidationError, match="two questions share a name"):
        StudyPlan.model_validate_json(json.dumps(twice))


def test_the_first_consent_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(make_study(tmp_path).database_file)
    for time in ("first", "second"):
        monkeypatch.setattr("dreambench.study.database.now", lambda time=time: time)
        database.consent("subject-01-1")
    rows = database._connection.execute("SELECT name, consented FROM raters WHERE consented IS NOT NULL")
    assert list(rows) == [("subject-01-1", "first")]


def color(file: Path) -> tuple[int, ...]:
    with Image.open(file) as picture:
        return picture.convert("RGB").getpixel((9, 9))  # type: ignore[return-value]


def same(picture: Path, source: Path) -> bool:
    """Whether both are of one color; WebP changes it a little."""
    return max(abs(a - b) for a, b in zip(color(picture), color(source), strict=True)) < 8


def test_every_picture_is_of_the_file_that_the_plan_names(tmp_path: Path) -> None:
    """Every source is of one color; a photo in question is not among those beside it."""
    folder = make_study(tmp_path, Sizes(2, 3, 1, checks=2))
    plan = read_plan(folder)
    for pair in plan.pairs:
        assert same(folder.picture(pair.picture_a), tmp_path / "ours" / pair.file_a)
        assert same(folder.picture(pair.picture_b), tmp_path / "theirs" / pair.file_b)
    for check in plan.checks:
        photos = list((tmp_path / "photos" / check.subject).iterdir())
        assert any(same(folder.picture(check.picture_a), photo) for photo in photos)
        assert not any(same(folder.picture(check.picture_b), photo) for photo in photos)
        assert check.picture_a not in check.photos
        assert len(check.photos) == (1 if check.study == "subject" else 0)
    assert folder.database_file.stat().st_mode & 0o077 == 0
