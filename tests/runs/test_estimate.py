"""How long a run will take: from the notes of an earlier run, or from a probe that leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import huggingface_hub.constants
import pytest

from dreambench.cli import main
from dreambench.executors import ExecutorOptions
from dreambench.models import base_model
from dreambench.runs import plan
from dreambench.runs.runner import Job
from dreambench.runs.timing import Rates, earlier_rates, estimate, measured_limit, probe
from dreambench.spec.presets import build_spec
from dreambench.store import open_run
from tests.executors.material import Silent, prepared, run_here, words

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results(tiny, tmp_path_factory) -> Path:
    """A folder with one run of two subjects, whose notes are replaced by round numbers."""
    top = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DREAMBENCH_CACHE", str(top / "cache"))
        made = run_here(Job(prepared(tiny, "dog", "vase"), top / "results" / "earlier"), Silent())
    for subject in ("dog", "vase"):
        note = made.subject_note(subject)
        assert note["seconds_per_step"] > 0
        assert note["seconds_per_image"] > 0
        # 6 steps of 2 s and 10 images of 3 s; 5 s for everything else, and 1 s for scoring.
        figures = {"seconds_per_step": 2.0, "seconds_per_image": 3.0, "seconds_now": 47.0, "made_now": 10}
        made.save_subject(subject, {**note, **figures, "seconds_scoring": 1.0})
    return top / "results"


def test_earlier_runs_are_measures_of_runs_like_them(tiny, results) -> None:
    asked = prepared(tiny, "dog", seed=5)
    rates = earlier_rates(asked.spec, asked.base.fingerprint, results)
    assert rates == Rates(2.0, 3.0, 6.0, "cpu, float32", "2 subjects of earlier")
    slower = asked.spec.sampler.model_copy(update={"steps": 50})
    assert earlier_rates(asked.spec.model_copy(update={"sampler": slower}), None, results) is None


def test_subjects_that_were_reused_are_no_measure(tiny, results, tmp_path) -> None:
    shutil.copytree(results / "earlier", tmp_path / "results" / "again")
    run = open_run(tmp_path / "results" / "again")
    for subject in ("dog", "vase"):
        run.save_subject(subject, {**run.subject_note(subject), "made_now": 0, "from": str(results)})
    asked = prepared(tiny, "dog", seed=5)
    assert earlier_rates(asked.spec, asked.base.fingerprint, tmp_path / "results") is None


def test_a_later_run_that_measured_nothing_leaves_the_word_to_an_earlier_one(tiny, results, tmp_path) -> None:
    for name in ("earlier", "later"):
        shutil.copytree(results / "earlier", tmp_path / "results" / name)
    later = open_run(tmp_path / "results" / "later")
    later.save_record()
    for subject in ("dog", "vase"):
        later.save_subject(subject, {**later.subject_note(subject), "from": str(results)})
    asked = prepared(tiny, "dog", seed=5)
    found = earlier_rates(asked.spec, asked.base.fingerprint, tmp_path / "results")
    assert found == Rates(2.0, 3.0, 6.0, "cpu, float32", "2 subjects of earlier")


def test_an_estimate_by_hand(tiny) -> None:
    spec = prepared(tiny, "dog").spec  # 6 steps; class images: 4, by as many steps of the sampler as images
    rates = Rates(2.0, 3.0, 6.0, "a device", "somewhere")
    found = estimate(spec, rates, images=10, sets={"dog": 2, "vase": 1}, workers=2, gpus_per_unit=0.5)
    assert found.subject_seconds == 6 * 2 + 10 * 3 + 6 == 48
    assert found.class_set_seconds == 4 * 3
    # The work of two workers, and what the last of them may wait for: a set and a subject.
    assert found.wall_seconds == (3 * 48 + 2 * 12) / 2 + 48 + 12
    assert found.worker_hours == pytest.approx((3 * 48 + 2 * 12) / 3600)
    assert found.gpu_hours == pytest.approx(found.worker_hours / 2)
    assert found.time_limit() == 5 * 48 + 600
    alone = estimate(spec, rates, images=10, sets={"dog": 2}, workers=1, gpus_per_unit=0)
    assert alone.wall_seconds == 12 + 2 * 48  # one worker waits for nobody
    idle = estimate(spec, rates, images=10, sets={"": 1}, workers=8, gpus_per_unit=0)
    assert idle.wall_seconds == 48  # seven of the workers have nothing to do
    present = estimate(spec, rates, images=10, sets={"": 4}, workers=2, gpus_per_unit=0)
    assert (present.class_set_seconds, present.wall_seconds) == (0, 4 * 48 / 2 + 48)  # nothing to wait for


def test_a_time_limit_comes_from_runs_on_the_same_device(tiny, results, tmp_path, monkeypatch) -> None:
    shutil.copytree(results, tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    asked = prepared(tiny, "dog", seed=5)
    # 6 steps, 8 images and 2 of the bare class, and everything else; a set of class images takes less.
    assert measured_limit([asked]) == 5 * (6 * 2 + 10 * 3 + 6) + 600
    faster = open_run(tmp_path / "results" / "earlier")
    faster.save_record(machine={**faster.record.machine, "device": "NVIDIA H200, bfloat16"})
    assert measured_limit([asked]) is None
    assert earlier_rates(asked.spec, asked.base.fingerprint) is not None  # a plan says what it is based on


def test_the_plan_tells_times_where_something_was_measured(tiny, results, monkeypatch, capsys) -> None:
    monkeypatch.chdir(results.parent)
    command = ["plan", *words(tiny, "dog,vase", Path("x"))[1:-2], "--executor", "ray", "--workers", "2"]
    with pytest.raises(SystemExit):
        main([*command, "--json"])
    found = json.loads(capsys.readouterr().out)["estimate"]
    assert (found["workers"], found["seconds_per_step"]) == (2, 2.0)
    with pytest.raises(SystemExit):
        main(command)
    assert "basis           2 subjects of earlier on cpu, float32" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([*command, "--set", "sampler.steps=3"])
    assert "time            unknown: no similar run was timed here; --probe" in capsys.readouterr().out


def test_a_probe_measures_and_leaves_nothing_behind(tiny, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    rates = probe(prepared(tiny, "dog", "vase").spec, Silent())
    assert rates.step > 0
    assert rates.image > 0
    assert rates.source == "a probe of 8 steps"
    assert list(tmp_path.rglob("*.png")) == []


def test_a_run_in_one_process_has_one_worker_however_many_gpus_there_are(monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(plan, "_count_gpus", lambda: 4)
    spec = build_spec("paper-sd15", {})
    here, on_ray, shared = (
        plan.make_plan(spec, options=options)
        for options in (ExecutorOptions(), ExecutorOptions("ray"), ExecutorOptions("ray", gpus_per_unit=0.3))
    )
    assert (here.estimate.workers, on_ray.estimate.workers, shared.estimate.workers) == (1, 4, 12)
    assert here.estimate.wall_seconds > 3 * on_ray.estimate.wall_seconds


def test_a_plan_of_a_model_in_the_hubs_cache_hashes_none_of_its_files(tiny, tmp_path, monkeypatch) -> None:
    repository, commit = tmp_path / "hub" / "models--owner--tiny", "0123456789abcdef0123456789abcdef01234567"
    shutil.copytree(tiny["base"], repository / "snapshots" / commit, copy_function=os.link)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(base_model, "fingerprint_of", lambda *_: pytest.fail("a model of the hub was hashed"))
    found = plan.make_plan(
        build_spec("paper-sd15", {"base.model": "owner/tiny", "data.folder": tiny["data"]})
    )
    assert found.memory is not None
    assert not any("owner/tiny" in line for line in found.missing)


def test_what_a_known_card_took_times_a_run_that_nothing_was_measured_of(
    capsys, monkeypatch, tmp_path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path / "cache"))
    with pytest.raises(SystemExit):
        main(["plan", "--preset", "paper-sd15", "--json"])
    plan = json.loads(capsys.readouterr().out)
    assert (plan["subjects"], plan["images"]) == (30, 3000)  # known without a photo
    assert plan["estimate"]["seconds_per_step"] == 0.187
    assert plan["estimate"]["measured"].startswith("measured with random weights")
    assert plan["estimate"]["measured"].endswith("on NVIDIA H200")
    with pytest.raises(SystemExit):
        main(["plan", "--preset", "paper-sd15", "--set", "method.batch_size=2", "--json"])
    assert json.loads(capsys.readouterr().out)["estimate"] is None
