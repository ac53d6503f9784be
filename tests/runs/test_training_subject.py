"""The ablations' subjects: another noun or none, fewer photos; scores are always of the whole subject."""

from __future__ import annotations

from pathlib import Path

import pytest

from dreambench.dataset import load_dataset, official_subjects
from dreambench.errors import DreambenchError
from dreambench.methods.method import SubjectPhrase
from dreambench.runs.requests import expected_cells
from dreambench.runs.training_subject import noun_note, training_subject
from dreambench.spec.presets import build_spec
from dreambench.store import RunFolder


@pytest.fixture(scope="module")
def subject(tiny):
    return load_dataset(Path(tiny["data"]))["dog"]


def spec(*changes: str):
    return build_spec("paper-sd15", {}, list(changes))


def test_the_correct_noun_and_all_photos_by_default(subject):
    assert training_subject(spec(), subject) == subject
    assert noun_note(spec(), (subject,)) == []


def test_a_wrong_noun_is_another_one_seeded_and_recorded(subject):
    nouns = {s.class_noun for s in official_subjects()}
    drawn = {
        training_subject(spec("class_noun.variant=wrong", f"class_noun.seed={seed}"), subject).class_noun
        for seed in range(60)
    }
    assert drawn <= nouns - {"dog"}
    assert len(drawn) > 8
    wrong = spec("class_noun.variant=wrong")
    assert training_subject(wrong, subject) == training_subject(wrong, subject)
    (note,) = noun_note(wrong, (subject,))
    assert f"dog: {training_subject(wrong, subject).class_noun}" in note
    assert wrong.key != spec().key


def test_without_a_noun(subject):
    none = training_subject(spec("class_noun.variant=none"), subject)
    assert none.class_noun == ""
    assert SubjectPhrase("sks", none.class_noun).caption() == "a sks"


def test_prompts_change_and_captions_do_not(subject, tmp_path, monkeypatch):
    folder = RunFolder(tmp_path, record=None)  # type: ignore[arg-type]
    for words, prompt in (
        (SubjectPhrase("sks", "vase"), "a sks vase in the jungle"),
        (SubjectPhrase("sks", ""), "a sks in the jungle"),
    ):
        cell = expected_cells(spec(), subject, words, folder)[0]
        assert (cell.prompt, cell.caption, cell.class_noun) == (prompt, "a dog in the jungle", "dog")


def test_fewer_photos(subject):
    fewer = training_subject(spec("training_photos=2"), subject)
    assert fewer.photos == subject.photos[:2]
    with pytest.raises(DreambenchError, match="training_photos=9, but dog has 5 photos"):
        training_subject(spec("training_photos=9"), subject)
