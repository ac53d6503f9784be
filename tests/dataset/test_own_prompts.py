"""A user's own prompts beside the subjects: drawn, scored, and refused where they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from dreambench.cli import main
from dreambench.dataset import verify
from dreambench.store import open_run
from tests.material import tiny as models


def picture(file: Path, shade: int = 90) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 40), (shade, 60, 30)).save(file)


def own(folder: Path, prompts: str) -> Path:
    (folder / "subjects.csv").write_text("subject,class_noun,category\nrex,dog,live\nmug,mug,object\n")
    for number, name in enumerate(("rex", "rex", "mug", "mug")):
        picture(folder / name / f"{number}.png", 40 * number)
    (folder / "prompts.yaml").write_text(prompts)
    return folder


PROMPTS = """title: Ours
groups:
- title: at home
  suits: [live]
  prompts: ["a {identifier} {class_noun} on a sofa", "a {identifier} {class_noun} in a garden"]
- title: in a shop
  suits: [object]
  prompts: ["a {identifier} {class_noun} on a shelf"]
"""


def test_a_run_draws_and_scores_prompts_of_ones_own(tiny, tmp_path: Path, capsys) -> None:
    data = own(tmp_path, PROMPTS)
    command = [
        "run",
        *models.options(tiny),
        "--data",
        str(data),
        "--method",
        "pretrained",
        "--subjects",
        "all",
    ]
    command += ["--images-per-prompt", "1", "--metrics", "dino,clip_t", "--out", str(tmp_path / "run")]
    with pytest.raises(SystemExit) as stop:
        main(command)
    assert not stop.value.code
    run = open_run(tmp_path / "run")
    rows = run.scores("images")[["subject", "prompt_index", "prompt", "kind"]].to_numpy().tolist()
    assert rows == [
        ["rex", 0, "a dog on a sofa", "at home"],
        ["rex", 1, "a dog in a garden", "at home"],
        ["mug", 0, "a mug on a shelf", "in a shop"],
    ]
    assert run.record.status == "complete"
    assert {name: len(listed) for name, listed in run.record.prompts.items()} == {"rex": 2, "mug": 1}
    assert "missing" not in capsys.readouterr().err
    images = tmp_path / "elsewhere"
    for subject, prompts in (
        ("rex", ("a dog on a sofa", "a_dog_in_a_garden")),
        ("mug", ("a mug on a shelf",)),
    ):
        for prompt in prompts:
            picture(images / subject / prompt / "0.png")
    encoders = models.options({k: v for k, v in tiny.items() if k not in ("base", "image_size")})
    command = ["score", "--images", str(images), *encoders, "--data", str(data), "--metrics", "dino"]
    command += ["--images-per-prompt", "1"]
    with pytest.raises(SystemExit) as stop:
        main([*command, "--out", str(tmp_path / "scores")])
    assert not stop.value.code
    scored = open_run(tmp_path / "scores").scores("images")
    assert scored["dino"].notna().sum() == 3


@pytest.mark.parametrize(
    ("prompts", "expected"),
    [
        ("title: Ours\nprompts: [a dog]\n", "{identifier} is missing"),
        (PROMPTS.split("- title: in a shop")[0], "has no prompt that suits object subjects, as mug is one"),
    ],
)
def test_a_wrong_prompt_file_is_named(tmp_path: Path, prompts: str, expected: str) -> None:
    (problem,) = verify(own(tmp_path, prompts))
    assert problem.file == "prompts.yaml"
    assert expected in problem.problem
