"""The gallery, drawn by real models: kept and trained again, killed and gone on with."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

import pytest

from dreambench.seeds import stable_seed
from dreambench.store import open_run
from dreambench.store.gallery_folder import galleries_of, open_gallery
from tests.material.faults import Runner
from tests.report.conftest import read_page
from tests.runs.drawn_galleries import SMALL, call, files, run_words
from tests.runs.drawn_galleries import _cache as _cache  # fixtures of both files of the gallery
from tests.runs.drawn_galleries import run as run
from tests.runs.drawn_galleries import top as top

pytestmark = pytest.mark.slow

KILLS = 5


def test_a_gallery_has_every_prompt_that_suits_with_a_seed_of_its_own(top: Path) -> None:
    gallery = open_gallery(top / "whole")
    identifier = open_run(top / "run").record.identifier
    assert [(i.prompt, i.image_index) for i in gallery.images("vase")] == [
        (f"a {identifier} vase, on the moon", 0),
        (f"a {identifier} vase, on the moon", 1),
        (f"{identifier} vase <script>alert(1)</script>", 0),
        (f"{identifier} vase <script>alert(1)</script>", 1),
    ]
    last = gallery.images("dog")[-1]
    assert last.prompt == f"a cross of a {identifier} dog and a bear"
    assert last.file.relative_to(top / "whole") == Path("images/dog/002-1.png")
    template = "a cross of a {identifier} {class_noun} and a bear"
    assert last.seed == stable_seed(0, "gallery", "dog", template, 1)
    assert gallery.record.status == "complete"
    assert set(files(top / "whole")) == {
        *(f"images/dog/{n}.png" for n in ("000-0", "000-1", "001-0", "001-1", "002-0", "002-1")),
        *(f"images/vase/{n}.png" for n in ("000-0", "000-1", "001-0", "001-1")),
        *("sheets/dog/everybody.png", "sheets/dog/pets.png", "sheets/vase/everybody.png", "index.html"),
    }
    images = {n: b for n, b in files(top / "whole").items() if n.startswith("images")}
    assert len(set(images.values())) == 10  # no two images have the same noise


def test_the_page_shows_every_image_and_html_in_prompts_is_inert(top: Path) -> None:
    page = read_page(top / "whole" / "index.html")
    photos = sum(len(s.photos) for s in open_gallery(top / "whole").record.subjects.values())
    assert len(page.all("img")) == 10 + photos
    assert all((top / "whole" / image["src"]).is_file() for image in page.all("img"))
    assert all((top / "whole" / link["href"]).is_file() for link in page.all("a", "tile"))
    assert page.all("script") == []
    assert "<script>alert(1)</script>" in page.words
    assert "Mine <b>" in page.words
    assert page.all("b") == []
    text = (top / "whole" / "index.html").read_text()
    assert "://" not in text
    assert str(top) not in text
    assert "default-src 'none'" in text


def test_training_again_is_said_first_and_gives_the_same_images(
    top: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("gallery", run, "--prompts", top / "mine.yaml", "--out", tmp_path / "anew", "--json")
    assert call(*words, "--keep-checkpoints") == 0
    printed = capsys.readouterr()
    assert f"{run}: no checkpoint was kept of dog, vase: trained again" in printed.err
    made = json.loads(printed.out)["galleries"]
    assert [(g["run"], g["n_images"], g["images"], g["seed"]) for g in made] == [("run", 10, 2, 0)]
    assert all(Path(sheet).is_file() for sheet in made[0]["sheets"])
    assert files(tmp_path / "anew") == files(top / "whole")
    assert not any((tmp_path / "anew" / "work").iterdir())
    kept = {str(p.relative_to(run)) for p in (run / "checkpoints").rglob("*.safetensors")}
    assert kept == {
        str(p.relative_to(top / "run")) for p in (top / "run" / "checkpoints").rglob("*.safetensors")
    }
    assert call(*words) == 0
    assert "trained again" not in capsys.readouterr().err


def test_killed_at_random_instants_the_gallery_is_the_uninterrupted_one(
    top: Path, run: Path, tmp_path: Path
) -> None:
    runner, dice = Runner(tmp_path), random.Random(6)
    out = tmp_path / "killed"
    words = ["gallery", str(run), "--prompts", str(top / "mine.yaml"), "--out", str(out)]
    assert runner.run(words, [out]) == 0, runner.log
    changes = runner.changes
    shutil.rmtree(out)
    killed = [runner.run(words, [out], kill_at=dice.randint(1, changes // 3)) for _ in range(KILLS)]
    assert killed.count(-9) > KILLS // 2
    assert runner.run(words, [out]) == 0, runner.log
    assert files(out) == files(top / "whole")
    assert [p for p in out.rglob("*") if p.name.endswith(".tmp") or p.name.startswith(".ready")] == []


def test_a_finished_gallery_is_not_drawn_again(top: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in (top / "whole" / "images").rglob("*.png")}
    assert call("gallery", top / "run", "--prompts", top / "mine.yaml", "--out", top / "whole") == 0
    assert {p: p.stat().st_mtime_ns for p in (top / "whole" / "images").rglob("*.png")} == before


def test_ctrl_c_is_130_and_the_same_command_goes_on(
    top: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    words = ("gallery", top / "run", "--prompts", top / "mine.yaml", "--out", tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr("dreambench.report.gallery_page.write_sheets", interrupt)
        assert call(*words) == 130
    gallery = open_gallery(tmp_path / "out")
    assert gallery.record.status == "interrupted"
    assert (gallery.missing("dog"), gallery.missing("vase")) == (0, 4)
    assert call(*words) == 0
    assert files(tmp_path / "out") == files(top / "whole")


def test_subjects_asked_for_later_join_the_gallery(top: Path, tmp_path: Path) -> None:
    words = ("gallery", top / "run", "--prompts", top / "mine.yaml", "--out", tmp_path / "out")
    assert call(*words, "--subjects", "dog") == 0
    assert list(open_gallery(tmp_path / "out").record.subjects) == ["dog"]
    assert call(*words, "--subjects", "vase") == 0
    assert files(tmp_path / "out") == files(top / "whole")


def test_the_report_shows_the_run_s_galleries_and_scores_as_before(top: Path, run: Path) -> None:
    shutil.copytree(top / "run" / "checkpoints", run / "checkpoints")
    scores = {p.name: p.read_bytes() for p in (run / "scores").iterdir()}
    assert call("report", run) == 0
    before = read_page(run / "report" / "index.html")
    table = (run / "report" / "report.json").read_bytes()
    assert "Gallery" not in before.words
    assert call("gallery", run, "--prompts", top / "mine.yaml", "--images", "1", "--subjects", "dog") == 0
    assert call("gallery", run, "--prompts", "novel-views", "--images", "1", "--subjects", "vase") == 0
    assert [g.label.rsplit("-", 1)[0] for g in galleries_of(open_run(run))] == ["mine", "novel-views"]
    assert call("report", run) == 0
    after = read_page(run / "report" / "index.html")
    assert len(after.all("img")) == len(before.all("img")) + 3 + 4 + len(photos(run, "dog", "vase"))
    assert all((run / "report" / image["src"]).is_file() for image in after.all("img"))
    links = [a["href"] for a in after.all("a") if "galleries/" in a.get("href", "")]
    assert len(links) == 7 + 2 + 1  # images, and contact sheets
    assert all((run / "report" / link).is_file() for link in links)
    assert "These images are not scored." in after.words
    assert (run / "report" / "report.json").read_bytes() == table
    assert {p.name: p.read_bytes() for p in (run / "scores").iterdir()} == scores
    assert len(after.all("script")) == 1


def photos(run: Path, *subjects: str) -> list[str]:
    return [photo for s in subjects for photo in open_run(run).record.photos[s]]


@pytest.mark.parametrize("method", ["dreambooth-lora", "textual-inversion", "pretrained"])
def test_every_method_draws(method: str, tiny: dict[str, str], top: Path, tmp_path: Path) -> None:
    steps = () if method == "pretrained" else SMALL[:1]
    small = (*steps, *(SMALL[1:3] if method == "dreambooth-lora" else ()), SMALL[3])
    words = run_words(tiny, tmp_path / "run", "--method", method, "--keep-checkpoints", small=small)
    assert call(*words, "--subjects", "dog") == 0
    draw = ("gallery", tmp_path / "run", "--prompts", top / "mine.yaml", "--images", "1", "--out")
    assert call(*draw, tmp_path / "kept") == 0
    shutil.rmtree(tmp_path / "run" / "checkpoints", ignore_errors=True)
    assert call(*draw, tmp_path / "anew") == 0
    assert files(tmp_path / "kept") == files(tmp_path / "anew")
    first = open_gallery(tmp_path / "kept").images("dog")[0].prompt
    assert first == "a dog, on the moon" if method == "pretrained" else first.endswith(" on the moon")


def test_another_seed_is_another_gallery(top: Path, tmp_path: Path) -> None:
    words = ("gallery", top / "run", "--prompts", top / "mine.yaml", "--subjects", "vase", "--images", "1")
    assert call(*words, "--out", tmp_path / "a") == 0
    assert call(*words, "--out", tmp_path / "b", "--seed", "5") == 0
    name = "images/vase/000-0.png"
    assert files(tmp_path / "a")[name] == files(top / "whole")[name]
    assert files(tmp_path / "b")[name] != files(tmp_path / "a")[name]


def test_several_runs_have_a_folder_each(top: Path, run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(top / "run", other)
    words = ("--prompts", top / "mine.yaml", "--subjects", "vase", "--images", "1")
    assert call("gallery", top / "run", other, *words, "--out", tmp_path / "out") == 0
    assert files(tmp_path / "out" / "run") == files(tmp_path / "out" / "other")
    assert sorted(os.listdir(tmp_path / "out")) == ["other", "run"]
