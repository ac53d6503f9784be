"""Datasets in their published layouts, and a user's own prompts: read, drawn, scored, and refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from dreambench.cli import main
from dreambench.dataset import load_dataset, verify
from dreambench.errors import DreambenchError


def picture(file: Path, shade: int = 90) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 40), (shade, 60, 30)).save(file)


def concept(place: str, prompts: str) -> str:
    return json.dumps([{"class_prompt": "a", "instance_data_dir": place, "prompt_filename": prompts}])


@pytest.fixture
def concepts(tmp_path: Path) -> Path:
    """Two concepts in CustomConcept101's layout."""
    folder = tmp_path / "customconcept101"
    rows = []
    listed = [("pet_dog1", "dog", "dog"), ("toy_gnome", "toy gnome", "toy")]
    for shade, (name, noun, file) in enumerate(listed):
        place = f"./benchmark_dataset/{name}"
        more = {"instance_prompt": f"photo of a <new1> {noun}", "class_data_dir": f"./regularization/{name}"}
        rows.append(
            {
                "class_prompt": noun,
                "instance_data_dir": place,
                "prompt_filename": f"prompts/{file}.txt",
                **more,
            }
        )
        for number in range(2):
            picture(folder / place / f"{number}.jpg", 50 * shade + number)
    (folder / "dataset.json").write_text(json.dumps(rows))
    (folder / "prompts").mkdir()
    (folder / "prompts" / "dog.txt").write_text("photo of a {}.\n{} in snowy ice.\nA futuristic {}.")
    (folder / "prompts" / "toy.txt").write_text("a {} on a shelf\n")
    return folder


@pytest.fixture
def plus(tmp_path: Path) -> Path:
    """Two subjects in DreamBench++'s layout, one with a caption that does not name it."""
    folder = tmp_path / "data"
    for place, lines in (
        ("animal/00", ["Kitten", "a kitten asleep", "Fur"]),
        ("object/07", ["mug", "a red mug"]),
    ):
        picture(folder / "images" / f"{place}.jpg")
        caption = folder / "captions" / f"{place}.txt"
        caption.parent.mkdir(parents=True)
        caption.write_text("\n".join(lines))
    return folder


def dsh_entry(**changes: object) -> dict[str, object]:
    scenes = [("A mug on a beach.", "background_changes"), ("Steam in the style of Klimt.", "style_changes")]
    prompts = [{"prompt": text, "prompt_scenario": kind} for text, kind in scenes]
    more = {"ref_image": {"image_path": "x", "height": 40, "width": 40}}
    return {"subject": "Mug", "prompt": prompts, "metadata": {"cate2": "Object"}, **more, **changes}


@pytest.fixture
def dsh(tmp_path: Path) -> Path:
    """Two subjects in DSH-Bench's layout."""
    folder = tmp_path / "dsh"
    cat = dsh_entry(subject="fluffy cat", metadata={"cate1": "Photorealistic", "cate2": "Animal"})
    cat["prompt"] = [{"prompt": "A fluffy cat asleep", "prompt_scenario": "imagination"}]
    listed = {"./images/431.jpg": dsh_entry(), "./images/7.jpg": cat}
    for shade, place in enumerate(listed):
        picture(folder / place, 50 * shade)
    (folder / "DSH-Bench_image_info.json").write_text(json.dumps(listed))
    return folder


def test_dsh_bench(dsh: Path) -> None:
    dataset = load_dataset(dsh)
    assert [(s.name, s.class_noun, s.category, len(s.photos)) for s in dataset.subjects] == [
        ("431_mug", "mug", "object", 1),
        ("7_fluffy_cat", "fluffy cat", "live", 1),
    ]
    beach, steam = dataset["431_mug"].prompts
    assert (beach.text("mug", "sks"), beach.kind) == ("A sks mug on a beach.", "background_changes")
    assert steam.text("mug") == "Steam in the style of Klimt."
    assert dataset["7_fluffy_cat"].prompts[0].text("cat", "sks") == "A sks cat asleep"


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "should be a valid dictionary"),
        ({"./images/431.jpg": dsh_entry(prompt=[])}, "at least 1 item"),
        ({"./images/431.jpg": dsh_entry(metadata={})}, "metadata.cate2: field required"),
        ({"../431.jpg": dsh_entry()}, "lies outside of the dataset"),
        ({"./images/8.jpg": dsh_entry()}, "is not a file"),
        ({"./images/431.jpg": dsh_entry(subject="a/b")}, "path separator"),
    ],
)
def test_what_is_wrong_with_dsh_benchs_list_is_named(dsh: Path, listed: object, expected: str) -> None:
    content = listed if isinstance(listed, str) else json.dumps(listed)
    (dsh / "DSH-Bench_image_info.json").write_text(content)
    assert any(expected in problem.problem for problem in verify(dsh)), verify(dsh)


def test_custom_concept_101(concepts: Path) -> None:
    dataset = load_dataset(concepts)
    assert [(s.name, s.class_noun, s.category, len(s.photos)) for s in dataset.subjects] == [
        ("pet_dog1", "dog", "live", 2),
        ("toy_gnome", "toy gnome", "object", 2),
    ]
    texts = [prompt.text("dog", "sks") for prompt in dataset["pet_dog1"].prompts]
    assert texts == ["photo of a sks dog.", "sks dog in snowy ice.", "A futuristic sks dog."]
    before = dataset.fingerprint
    (concepts / "prompts" / "toy.txt").write_text("a {} on a table\n")
    assert load_dataset(concepts).fingerprint != before  # other prompts are another dataset


def test_dreambench_plus(plus: Path) -> None:
    dataset = load_dataset(plus)
    names = [(s.name, s.class_noun, s.category) for s in dataset.subjects]
    assert names == [("live_subject_animal_00_kitten", "kitten", "live"), ("object_07_mug", "mug", "object")]
    asleep, fur = dataset.subjects[0].prompts
    assert asleep.text("kitten", "sks") == "a sks kitten asleep"
    assert fur.text("kitten") == "Fur"
    with pytest.raises(DreambenchError, match=r"prompt 1 \(Fur\) does not name the subject"):
        fur.text("kitten", "sks")


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("dataset.json", "{", "cannot be read as JSON"),
        ("dataset.json", "[]", "is not a list of concepts"),
        ("dataset.json", '[{"class_prompt": "dog"}]', "concept 0: the field instance_data_dir is missing"),
        ("dataset.json", concept("../b", "c"), "lies outside"),
        ("dataset.json", concept("all", "c"), "may not be called 'all'"),
        ("dataset.json", concept("b", "/c"), "lies outside of the dataset"),
        ("prompts/dog.txt", "a photo", "has no {} in the concept's place"),
        ("prompts/dog.txt", "", "contains no prompt"),
        ("benchmark_dataset/pet_dog1/0.jpg", "no picture", "pet_dog1/0.jpg"),
    ],
)
def test_what_is_wrong_with_a_published_dataset_is_named(concepts, file, content, expected) -> None:
    (concepts / file).write_text(content)
    problems = [f"{problem.file}: {problem.problem}" for problem in verify(concepts)]
    assert any(expected in line for line in problems), problems
    with pytest.raises(DreambenchError):
        load_dataset(concepts)


def test_a_caption_without_its_subject_is_named(plus: Path) -> None:
    (plus / "captions" / "object" / "07.txt").write_text("mug")
    (problem,) = verify(plus)
    assert (problem.file, problem.problem) == (
        "captions/object/07.txt",
        "lacks the subject's line, or a prompt below it",
    )


def test_a_pipe_and_a_name_with_a_path_are_refused(plus: Path) -> None:
    (plus / "captions" / "object" / "07.txt").write_text("../mug\na mug\n")
    os.mkfifo(plus / "images" / "object" / "08.jpg")
    (plus / "captions" / "object" / "08.txt").write_text("can\na can\n")
    os.mkfifo(plus / "captions" / "object" / "09.txt")
    picture(plus / "images" / "object" / "09.jpg")
    problems = {problem.file: problem.problem for problem in verify(plus)}
    assert "path separator" in problems["captions/object/07.txt"]
    assert problems["captions/object/09.txt"] == "is not a file"
    assert "images/object/08.jpg" in problems


def test_where_to_get_them_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("custom-concept-101", "dreambench-plus", "dsh-bench"):
        with pytest.raises(SystemExit) as stop:
            main(["data", "pull", name])
        assert stop.value.code == 2
        assert "give --data FOLDER" in capsys.readouterr().err
