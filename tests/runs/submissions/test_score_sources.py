"""``score`` as a library function: the same numbers from a folder, a DataFrame, and images in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dreambench.errors import DreambenchError
from dreambench.runs.submissions.score import score
from dreambench.spec.signature import format_signature, signature_fields
from dreambench.store import open_run
from tests.executors.material import Silent

COLUMNS = ["subject", "prompt_index", "image_index", "dino", "clip_i", "clip_t"]
PROMPTS = (0, 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """One drawn image of each of two prompts of the dog; the second image of prompt 3 is missing."""
    top = tmp_path_factory.mktemp("given") / "mine"
    (top / "dog").mkdir(parents=True)
    for name, color in (("00-0", "red"), ("00-1", "blue"), ("03-0", "green")):
        Image.new("RGB", (64, 64), color).save(top / "dog" / f"{name}.png")
    return top


@pytest.fixture
def scored(tiny, tmp_path, monkeypatch):
    """Score a source in an empty folder, by the tiny models."""
    monkeypatch.chdir(tmp_path)
    settings = [f"{name}={value}" for name, value in tiny.items() if name.startswith("protocol.")]

    def call(source, *more: str, **options):
        return score(
            source,
            data=tiny["data"],
            subjects=["dog"],
            prompts="0,3",
            images_per_prompt=2,
            metrics=["dino", "clip_i", "clip_t"],
            overrides=[*settings, *more],
            reporter=Silent(),
            **options,
        )

    return call


def in_memory(folder: Path) -> dict[str, dict[int | str, list[Image.Image]]]:
    images = {p.stem: Image.open(p) for p in (folder / "dog").iterdir()}
    return {"dog": {0: [images["00-0"], images["00-1"]], 3: [images["03-0"]]}}


def test_every_source_gives_the_same_scores(scored, folder) -> None:
    expected, missing = scored(folder)
    assert missing == ["dog/03-1"]
    assert expected.record.name == "mine"
    files = [(folder / "dog" / f"{n}.png", p) for n, p in (("00-0", 0), ("00-1", 0), ("03-0", 3))]
    rows = [{"file": str(file), "subject": "dog", "prompt_index": prompt} for file, prompt in files]
    table = pd.DataFrame(rows)
    drawn = table.drop(columns="file").assign(image=[Image.open(file) for file, _ in files])
    paths = {"dog": {0: [str(files[0][0]), files[1][0]], 3: [str(files[2][0])]}}
    named = table.rename(columns={"file": "image"})
    for source in (table, drawn, named, in_memory(folder), paths, str(folder)):
        found, missing = scored(source, name="mine")
        assert missing == ["dog/03-1"]
        pd.testing.assert_frame_equal(found.scores("images")[COLUMNS], expected.scores("images")[COLUMNS])


def test_a_folder_of_class_images_alone_lacks_all_images_of_the_prompts(scored, tmp_path) -> None:
    (tmp_path / "mine" / "dog").mkdir(parents=True)
    Image.new("RGB", (64, 64), "red").save(tmp_path / "mine" / "dog" / "class-000.png")
    run, missing = scored(tmp_path / "mine")
    assert missing == ["dog/00-0", "dog/00-1", "dog/03-0", "dog/03-1"]
    assert run.scores("images").dino.isna().all()


def test_images_in_memory_are_kept_and_other_images_are_another_folder(scored, folder) -> None:
    first, _ = scored(in_memory(folder))
    kept = sorted(p.relative_to(first.path).as_posix() for p in first.path.glob("images/*/*.png"))
    assert kept == ["images/dog/00-0.png", "images/dog/00-1.png", "images/dog/03-0.png"]
    stamps = [(first.path / name).stat().st_mtime_ns for name in kept]
    assert scored(in_memory(folder))[0].path == first.path
    assert [(first.path / name).stat().st_mtime_ns for name in kept] == stamps
    other = {"dog": {0: [Image.new("RGB", (64, 64), "white")]}}
    assert scored(other)[0].path != first.path
    with pytest.raises(DreambenchError, match="contains a run of another spec"):
        scored(other, out=first.path)


def test_an_image_in_memory_scores_like_its_file(scored, folder, tmp_path) -> None:
    clear = Image.open(folder / "dog" / "00-0.png").convert("RGBA")
    clear.putalpha(90)
    clear.save(tmp_path / "clear.png")
    from_file, _ = scored({"dog": {0: [tmp_path / "clear.png"]}})
    drawn, _ = scored({"dog": {np.int64(0): [Image.open(tmp_path / "clear.png")]}})
    assert drawn.scores("images")[COLUMNS].equals(from_file.scores("images")[COLUMNS])


def test_images_of_one_palettes_indices_are_told_apart(scored) -> None:
    folders = []
    for color in (20, 200):
        image = Image.new("P", (64, 64), 1)
        image.putpalette([0, 0, 0, color, color, color])
        folders.append(scored({"dog": {0: [image]}})[0].path)
    assert folders[0] != folders[1]


def test_a_prompts_text_names_it(scored, folder, tmp_path) -> None:
    dog = in_memory(folder)["dog"][0]
    by_text, missing = scored({"dog": {"a dog in the jungle": dog}})
    assert missing == ["dog/03-0", "dog/03-1"]
    assert by_text.scores("images").dino.notna().sum() == 2


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "give either --images FOLDER or --manifest"),
        (3, "int cannot be scored"),
        ({}, "contains no image"),
        ({"hound": {0: []}}, "contains no image"),
        ({"hound": {0: [Image.new("RGB", (8, 8))]}}, "no subject 'hound'"),
        ({"dog": [Image.new("RGB", (8, 8))]}, "dog: its prompts are not a dict"),
        ({"dog": {0: Image.new("RGB", (8, 8))}}, "dog, prompt 0: its images are not a list"),
        ({"dog": {0: ["a.png"]}}, "dog, prompt 0, image 0: a.png does not exist"),
        ({"dog": {0: "a.png"}}, "dog, prompt 0: its images are not a list"),
        ({"dog": {0: [3]}}, "dog, prompt 0, image 0: int is not an image"),
        ({"dog": {"on Mars": [Image.new("RGB", (8, 8))]}}, "'on Mars' is not an official prompt of dog"),
        ({"dog": {"A dog": [Image.new("RGB", (8, 8))]}}, "'A dog' is the bare class, and only a folder"),
        (pd.DataFrame({"subject": [], "image": [], "prompt": []}), "^the source contains no image"),
        (pd.DataFrame({"subject": ["dog"]}), "the DataFrame: the columns are subject"),
        ({"dog": {0: [Image.new("RGB", (0, 8))]}}, "dog, prompt 0, image 0: the image has no pixels"),
        ({"dog": {0: ["a" * 300]}}, "dog, prompt 0, image 0: a{200} does not exist"),
        (pd.DataFrame({"subject": ["dog"], "file": [None], "prompt_index": [0]}), "has no file and no image"),
        (
            pd.DataFrame({"subject": ["dog"], "file": ["no.png"], "prompt_index": [0]}),
            "no.png does not exist",
        ),
    ],
)
def test_a_wrong_source_is_one_line_and_writes_nothing(scored, tmp_path, source, message) -> None:
    with pytest.raises(DreambenchError, match=message):
        scored(source, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("kind", "option", "message"),
    [
        ("folder", "root", "--root is the folder of a manifest's files, and there is none"),
        ("memory", "root", "--root is the folder of a manifest's files, and there is none"),
        ("list", "pattern", "--pattern describes the file names of a folder, and there is none"),
        ("memory", "pattern", "--pattern describes the file names of a folder, and there is none"),
    ],
)
def test_an_option_without_effect_is_refused(scored, folder, tmp_path, kind, option, message) -> None:
    (tmp_path / "list.csv").write_text("file,subject,prompt_index\n")
    source = {"folder": folder, "memory": {"dog": {0: []}}, "list": tmp_path / "list.csv"}[kind]
    with pytest.raises(DreambenchError, match=message):
        scored(source, out=tmp_path / "out", **{option: "x"})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_refused(scored, folder, tmp_path, name) -> None:
    with pytest.raises(DreambenchError, match="--name is empty; give a name"):
        scored(folder, name=name)
    assert not (tmp_path / "results").exists()


def test_a_link_to_nothing_is_named_with_what_to_do(scored, tmp_path) -> None:
    (tmp_path / "links" / "dog").mkdir(parents=True)
    (tmp_path / "links" / "dog" / "00-0.png").symlink_to(tmp_path / "nothing.png")
    with pytest.raises(DreambenchError, match=r"00-0\.png .*a link to a file that does not exist; replace"):
        scored(tmp_path / "links")


def test_an_interrupted_score_says_so_and_resumes(scored, folder, monkeypatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("dreambench.runs.score_run.write_scores", interrupt)
        with pytest.raises(KeyboardInterrupt):
            scored(folder, out="mine")
    assert open_run(Path("mine")).record.status == "interrupted"
    again, _ = scored(folder, out="mine")
    assert again.record.status == "partial"  # an image is missing


def test_captions_with_an_identifier_need_one(scored, folder, tmp_path) -> None:
    with pytest.raises(DreambenchError, match=r"needs the identifier .*--set identifier\.text=WORD"):
        scored(folder, "protocol.caption=identifier", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    run, _ = scored(folder, "protocol.caption=identifier", "identifier.text=sks")
    assert "clip-t:identifier" in format_signature(signature_fields(run.record.spec, 3))
