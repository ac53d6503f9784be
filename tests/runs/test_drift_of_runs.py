"""Runs with drift: nothing trained is 0, more learning is more, killed and resumed is the same."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from dreambench.cli import main
from dreambench.store import open_run
from dreambench.store.published_run import publish_run
from tests.material import tiny as models
from tests.material.faults import Runner

pytestmark = pytest.mark.slow

SMALL = (
    *("method.steps=3", "method.class_images=2", "method.class_sampler.steps=1", "sampler.steps=2"),
    *("runtime.generation_batch_size=4", "protocol.prior_images=1"),
)


def words(tiny: dict[str, str], out: Path, *asked: str, method: str = "dreambooth") -> list[str]:
    fields = [field for field in SMALL if method == "dreambooth" or not field.startswith("method.")]
    if any("drift" in word for word in asked):
        dino = {name: tiny[f"protocol.dino.{name}"] for name in ("model", "weights", "resize", "crop")}
        fields += [f"protocol.encoders.drift.{name}={value}" for name, value in dino.items()]
    sets = [word for field in fields for word in ("--set", field)]
    return [
        *("run", "--preset", "paper-sd15", "--data", tiny["data"], "--method", method),
        *("--prompts", "0", "--images-per-prompt", "2", *models.options(tiny), *sets),
        *("--out", str(out), *asked),
    ]  # fmt: skip


@pytest.fixture
def run(tiny, tmp_path_factory, monkeypatch, capsys):
    """Make a run, and return its folder."""

    def made(out: Path, *asked: str, method: str = "dreambooth", code: int = 0):
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(words(tiny, out, *asked, method=method))
        shown = capsys.readouterr()
        assert end.value.code == code, shown.err
        return open_run(out) if code == 0 else shown.err

    return made


@pytest.fixture(scope="module")
def runner(tmp_path_factory) -> Runner:
    return Runner(tmp_path_factory.mktemp("processes"))


def png_bytes(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.glob("images/*/[!.]*.png"))}


def drift_of(run) -> pd.Series:
    return run.scores("drift").set_index(["subject", "prompt_index"])["drift"]


def test_what_nothing_trains_is_exactly_zero(run, tmp_path):
    pretrained = run(
        tmp_path / "run", "--subjects", "dog,vase", "--metrics", "dino,drift", method="pretrained"
    )
    assert drift_of(pretrained).tolist() == [0.0] * 20
    report = json.loads((pretrained.path / "report" / "report.json").read_text())
    assert report["rows"][1]["drift"]["mean"] == 0.0


def test_a_large_learning_rate_drifts_more_than_a_small_one(run, tmp_path):
    means = []
    for rate in ("1e-6", "1e-3"):
        asked = ("--subjects", "dog", "--metrics", "drift", "--set", f"method.learning_rate={rate}")
        found = drift_of(run(tmp_path / rate, *asked))
        assert len(found) == 10
        assert found.between(0, 2).all()
        means.append(found.mean())
    assert 0 < means[0] < means[1] / 2


def test_the_base_models_images_are_the_same_for_every_subject(run, tmp_path):
    made = run(tmp_path / "run", "--subjects", "dog,vase", "--metrics", "drift")
    images = {subject: made.path / "images" / subject for subject in ("dog", "vase")}
    for index in range(10):
        label = f"{index:02d}"
        base = [made.drift_file(subject, label, base=True).read_bytes() for subject in images]
        own = [made.drift_file(subject, label).read_bytes() for subject in images]
        assert base[0] == base[1]
        assert len({base[0], *own}) == 3
    table = made.scores("drift")
    assert table["file"].tolist()[:2] == ["images/dog/drift-00.png", "images/dog/drift-01.png"]
    assert open_run(made.path).subject_note("dog")["images"] == 2 + 20
    publish_run(made, tmp_path / "kept")
    pd.testing.assert_frame_equal(open_run(tmp_path / "kept").scores("drift"), table)


def test_a_run_of_before_gets_its_drift_and_keeps_its_images(run, tmp_path, capsys, tiny):
    asked = ("--subjects", "dog", "--metrics", "dino,pres")
    before = run(tmp_path / "run", *asked)
    assert not before.score_file("drift").exists()
    assert "drift" not in (tmp_path / "run" / "run.json").read_text()
    images = png_bytes(before.path)
    assert len(images) == 3
    after = run(tmp_path / "run", *asked[:2], "--metrics", "dino,pres,drift")
    assert png_bytes(after.path).items() >= images.items()
    assert drift_of(after).gt(0).all()
    pd.testing.assert_frame_equal(before.scores("images"), after.scores("images"))

    fields = {name: value for name, value in tiny.items() if name.startswith("protocol.")}
    asked = ["--subjects", "dog", "--prompts", "0", "--images-per-prompt", "2", "--metrics", "dino,pres"]
    folder = ["--images", str(after.path / "images"), "--out", str(tmp_path / "scored")]
    with pytest.raises(SystemExit) as end:
        main(["score", *folder, "--data", tiny["data"], *asked, *models.options(fields)])
    assert end.value.code == 0, capsys.readouterr().err
    scored = open_run(tmp_path / "scored")
    assert scored.scores("images")["dino"].tolist() == after.scores("images")["dino"].tolist()
    assert len(scored.scores("prior")) == 1


def test_a_method_that_shows_photos_is_refused(run, tmp_path):
    told = run(tmp_path / "run", "--subjects", "dog", "--metrics", "drift", method="reference", code=2)
    assert "drift is how far training moves a model, and reference trains nothing" in told
    assert not (tmp_path / "run").exists()


def test_killed_between_and_resumed_the_tables_are_equal(tiny, runner, tmp_path, monkeypatch):
    asked = ("--subjects", "dog", "--metrics", "dino,pres,drift")
    monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path / "cache"))
    whole, out = tmp_path / "whole" / "run", tmp_path / "killed" / "run"
    assert runner.run(words(tiny, whole, *asked), [whole / "images"]) == 0, runner.log
    changes, seen, command = runner.changes, set(), words(tiny, out, *asked)
    for kill_at in (changes // 4, changes // 2):
        assert runner.run(command, [out / "images"], kill_at=kill_at) == -9, runner.log[-2000:]
        seen.add(len(png_bytes(out)))
    assert len(seen) == 2
    assert runner.run(command, [out]) == 0, runner.log[-2000:]
    assert png_bytes(out) == png_bytes(whole)
    assert len(png_bytes(out)) == 2 + 1 + 20
    for table in ("images", "prior", "drift", "photos"):
        pd.testing.assert_frame_equal(open_run(out).scores(table), open_run(whole).scores(table))
    ours, theirs = (
        (folder / "report" / "report.json").read_text().replace(str(folder), "") for folder in (out, whole)
    )
    assert ours == theirs

    (out / "images" / "dog" / "drift-base-03.png").write_bytes(b"damaged")
    assert runner.run(command, [out]) == 0, runner.log[-2000:]
    assert png_bytes(out) == png_bytes(whole)
