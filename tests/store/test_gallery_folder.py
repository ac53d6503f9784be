"""A gallery's images: which noise each has, and which gallery may go on in a folder."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from dreambench.dataset.prompt_sets import PromptGroup, PromptSet
from dreambench.dataset.prompts import Prompt
from dreambench.errors import DreambenchError
from dreambench.store.gallery_folder import (
    GalleryFolder,
    GalleryRecord,
    GallerySubject,
    locked_gallery,
    open_gallery,
)
from tests.store.material import everything, pictures

TEMPLATES = ("a {identifier} {class_noun} on a hill", "a painting of a {identifier} {class_noun}")


def subject(noun: str = "dog", called: str | None = "poodle") -> GallerySubject:
    return GallerySubject(class_noun=noun, category="live", identifier="sks", called=called, photos=[])


def gallery(*templates: str, **changes: Any) -> GalleryRecord:
    prompts = tuple(Prompt(index, text, "") for index, text in enumerate(templates or TEMPLATES))
    group = PromptGroup(name="places", title="Places", source="", suits=("live",), prompts=prompts)
    fields: dict[str, Any] = {
        "run": "a run",
        "images_key": "0123456789abcdef",
        "preset": "mini",
        "method": "dreambooth",
        "prompts": PromptSet(name="places", title="Places", source="", groups=(group,)),
        "images": 2,
        "seed": 7,
        "subjects": {"dog": subject()},
    }
    return GalleryRecord.model_validate({**fields, **changes})


def seed(*parts: object) -> int:
    digits = hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:16]
    return int(digits, 16) // 2


def test_each_images_noise_is_of_its_seed_its_subject_its_prompts_text_and_its_number(tmp_path: Path) -> None:
    images = GalleryFolder(tmp_path, gallery()).images("dog")
    assert [image.seed for image in images] == [
        seed(7, "gallery", "dog", text, number) for text in TEMPLATES for number in (0, 1)
    ]
    assert [image.prompt for image in images[::2]] == ["a sks poodle on a hill", "a painting of a sks poodle"]
    names = [image.file.relative_to(tmp_path).as_posix() for image in images]
    assert names == [f"images/dog/{prompt:03d}-{number}.png" for prompt in (0, 1) for number in (0, 1)]
    turned = GalleryFolder(tmp_path, gallery(*TEMPLATES[::-1])).images("dog")
    assert [image.seed for image in turned] == [image.seed for image in (*images[2:], *images[:2])]


def test_another_seed_number_of_images_run_or_prompt_is_another_gallery(tmp_path: Path) -> None:
    others = [gallery(seed=8), gallery(images=3), gallery(images_key="f" * 16), gallery(*TEMPLATES[::-1])]
    names = {each.folder_name for each in (gallery(), gallery(run="renamed"), *others)}
    assert len(names) == 5
    with locked_gallery(tmp_path, gallery()):
        pass
    for other, field in zip(others, ("seed", "images", "run", "prompts"), strict=True):
        with pytest.raises(DreambenchError, match=rf"contains another gallery \(other {field}\)"):
            locked_gallery(tmp_path, other).__enter__()


def test_a_gallery_keeps_its_subjects_its_notes_and_its_beginning(tmp_path: Path) -> None:
    with locked_gallery(tmp_path, gallery(notes=["cut"])) as first:
        first.save_record(status="failed", error="no memory", created="2001-01-01T00:00:00+00:00")
    cat = {"cat": subject("cat")}
    with locked_gallery(tmp_path, gallery(notes=["more", "cut"], subjects=cat)) as again:
        assert again.record == open_gallery(tmp_path).record
    assert list(again.record.subjects) == ["dog", "cat"]
    assert again.record.notes == ["cut", "more"]
    assert again.record.created == "2001-01-01T00:00:00+00:00"
    assert (again.record.status, again.record.error) == ("started", None)


def test_what_a_killed_writer_has_committed_is_in_its_place(tmp_path: Path) -> None:
    with locked_gallery(tmp_path, gallery()):
        pass
    folder = tmp_path / "images" / "dog"
    for file, image in pictures(folder / ".ready-00-0", 2).items():
        file.parent.mkdir(parents=True, exist_ok=True)
        image.save(file)
    (folder / "..ready-02-0.0123abcd.tmp").mkdir()
    with locked_gallery(tmp_path, gallery(subjects={"cat": subject("cat")})):
        assert everything(folder) == {file.name for file in pictures(folder, 2)}
