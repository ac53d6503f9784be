"""Killed at any instant, the same command goes on: nothing twice, nothing half-written, the same tables."""

from __future__ import annotations

import random
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from dreambench.store import open_run
from tests.material.faults import Runner

pytestmark = pytest.mark.slow

TABLES = ("images", "diversity", "prior", "photos")
KILLS = 20


def words(tiny: dict[str, str], out: Path) -> list[str]:
    from tests.material import tiny as models

    small = ("method.steps=3", "method.class_images=4", "method.class_sampler.steps=2", "sampler.steps=2")
    sets = [
        word
        for s in (*small, "runtime.generation_batch_size=3", "protocol.prior_images=2")
        for word in ("--set", s)
    ]
    return [
        *("run", "--preset", "paper-sd15", "--data", tiny["data"], "--subjects", "dog,dog2,vase"),
        *("--prompts", "0-3", "--images-per-prompt", "2", "--metrics", "dino,clip_i,clip_t,div,pres"),
        *(*models.options(tiny), *sets, "--out", str(out)),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def runner(tmp_path_factory) -> Runner:
    return Runner(tmp_path_factory.mktemp("processes"))


@pytest.fixture(scope="module")
def whole(tiny, runner, tmp_path_factory):
    """The uninterrupted run, its folder and the number of changes of files that it took."""
    top = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DREAMBENCH_CACHE", str(top / "cache"))
        assert runner.run(words(tiny, top / "run"), [top]) == 0, runner.log
    return top / "run", runner.changes


def images(folder: Path) -> dict[str, Path]:
    return {str(p.relative_to(folder)): p for p in folder.glob("images/*/[!.]*.png")}


def stamps(folder: Path) -> dict[str, int]:
    """Inodes and times of what must never be made again once it is there."""
    weights = {str(p): p.stat().st_mtime_ns for p in folder.glob("work/[!.]*/*/*.safetensors")}
    return weights | {name: p.stat().st_mtime_ns for name, p in images(folder).items()}


def assert_same_result(ours: Path, theirs: Path) -> None:
    a, b = images(ours), images(theirs)
    assert a.keys() == b.keys()
    assert all(a[name].read_bytes() == b[name].read_bytes() for name in a)
    for table in TABLES:
        pd.testing.assert_frame_equal(open_run(ours).scores(table), open_run(theirs).scores(table))
    for log in theirs.glob("logs/*.csv"):
        assert (ours / "logs" / log.name).read_bytes() == log.read_bytes()
    for name in ("report.json", "table.md", "subjects.csv"):
        ours_text = (ours / "report" / name).read_text()
        assert ours_text.replace(str(ours), "") == (theirs / "report" / name).read_text().replace(
            str(theirs), ""
        )
    leftovers = [p for p in ours.rglob("*") if p.name.endswith(".tmp") or p.name.startswith(".ready")]
    assert leftovers == []


def test_killed_at_twenty_random_instants_the_result_is_the_uninterrupted_one(
    tiny, runner, whole, tmp_path, monkeypatch
):
    reference, changes = whole
    monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path / "cache"))
    dice = random.Random(2208)
    out, command = tmp_path / "run", words(tiny, tmp_path / "run")
    kept: dict[str, int] = {}
    for kill in range(KILLS):
        code = runner.run(command, [tmp_path], kill_at=dice.randint(1, changes // 8))
        assert code == -9, f"the run ended before kill {kill}: {runner.log[-2000:]}"
        present = stamps(out)
        again = {n for n, t in kept.items() if n in present and present[n] != t}
        assert not again, f"made twice: {again}"
        lost = {n for n in kept if n.endswith(".png") and n not in present}
        assert not lost, f"lost: {lost}"
        kept |= present
        for file in images(out).values():
            Image.open(file).verify()
    assert runner.run(command, [tmp_path]) == 0, runner.log[-2000:]
    assert all(stamps(out).get(n, t) == t for n, t in kept.items() if n.endswith(".png"))
    assert_same_result(out, reference)
    assert open_run(out).record.status == "complete"


def test_a_finished_run_is_not_done_again(tiny, runner, whole, monkeypatch):
    folder, _ = whole
    monkeypatch.setenv("DREAMBENCH_CACHE", str(folder.parent / "cache"))
    before = stamps(folder)
    assert runner.run(words(tiny, folder), [folder]) == 0
    assert stamps(folder) == before


def test_a_trained_subject_is_not_trained_again(tiny, runner, whole, tmp_path, monkeypatch):
    """Killed at the first image after a training: the weights that are there are used as they are."""
    reference, _ = whole
    monkeypatch.setenv("DREAMBENCH_CACHE", str(reference.parent / "cache"))
    out, command = tmp_path / "run", words(tiny, tmp_path / "run")
    assert runner.run(command, [out / "images"], kill_at=1) == -9
    weights = out / "work" / "dog"
    assert {p.name for p in weights.iterdir() if p.is_dir()} == {"unet", "text_encoder"}
    before = stamps(out)
    assert runner.run(command, [out / "images" / "dog"], kill_at=6) == -9
    assert {n: t for n, t in stamps(out).items() if n in before} == before
    assert runner.run(command, [tmp_path]) == 0
    assert not any((out / "work").iterdir())
    assert_same_result(out, reference)


def test_weights_from_before_a_restart_of_the_machine_are_trained_again(
    tiny, runner, whole, tmp_path, monkeypatch
):
    """They were not forced onto the disk, so after a crash nobody knows what they contain."""
    reference, _ = whole
    monkeypatch.setenv("DREAMBENCH_CACHE", str(reference.parent / "cache"))
    out, command = tmp_path / "run", words(tiny, tmp_path / "run")
    assert runner.run(command, [out / "images"], kill_at=1) == -9
    (out / "work" / "dog" / ".boot").write_text("an earlier start")
    for file in (out / "work" / "dog").rglob("*.safetensors"):
        file.write_bytes(bytes(file.stat().st_size))  # what a crash may leave
    assert runner.run(command, [tmp_path]) == 0
    assert "dog: the machine was restarted after its training; training again" in runner.log
    assert_same_result(out, reference)


def test_a_lost_image_of_a_finished_subject_is_made_again(tiny, runner, whole, tmp_path, monkeypatch):
    import shutil

    reference, _ = whole
    monkeypatch.setenv("DREAMBENCH_CACHE", str(reference.parent / "cache"))
    out = tmp_path / "run"
    shutil.copytree(reference, out)
    (out / "images" / "vase" / "02-1.png").unlink()
    assert runner.run(words(tiny, out), [out]) == 0
    assert_same_result(out, reference)


def test_another_spec_is_kept_out_of_the_folder(tiny, runner, whole):
    folder, _ = whole
    before = stamps(folder)
    assert runner.run([*words(tiny, folder), "--seed", "3"], [folder]) == 2
    assert "contains a run of another spec (asked for seed: 3, not 0)" in runner.log
    assert stamps(folder) == before
