"""A real Ray of two nodes on this machine: killed workers, hung tasks, no shared folder, a lost node."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ray = pytest.importorskip("ray")

import tests.executors.doomed as doomed_module  # noqa: E402
from dreambench.executors import ExecutorOptions  # noqa: E402
from dreambench.executors.ray.executor import RayExecutor  # noqa: E402
from dreambench.runs import runner  # noqa: E402
from dreambench.runs.model_cache import worker_models  # noqa: E402
from dreambench.runs.prepare import prepare_all  # noqa: E402
from dreambench.runs.run import UnfinishedRunsError  # noqa: E402
from dreambench.runs.runner import Job, run_all  # noqa: E402
from dreambench.store import open_run  # noqa: E402
from tests.executors.doomed import Doom, doomed  # noqa: E402
from tests.executors.material import Silent, assert_same_result, images, prepared, run_here  # noqa: E402

pytestmark = pytest.mark.slow

SUBJECTS = ("dog", "dog2", "vase", "backpack")


@pytest.fixture(scope="module")
def top(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def cluster(top):
    """Two nodes of one worker each, with cache folders of their own."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # The workers cannot import the tests.
        ray.cloudpickle.register_pickle_by_value(doomed_module)
        made = Cluster()
        for name in ("a", "b"):
            patch.setenv("DREAMBENCH_CACHE", str(top / name))
            made.add_node(num_cpus=1, include_dashboard=False)
        yield made
        ray.shutdown()
        made.shutdown()


@pytest.fixture(scope="module")
def whole(tiny, top) -> Path:
    """What the local executor makes of the same run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DREAMBENCH_CACHE", str(top / "local-cache"))
        run_here(Job(prepared(tiny, *SUBJECTS), top / "whole"), Silent())
    return top / "whole"


@pytest.fixture(scope="module")
def shared(cluster):
    """Two workers that see the run's folder."""
    executor = RayExecutor(ExecutorOptions("ray", cluster.address, workers=2), worker_models)
    yield executor
    executor.close()


@pytest.fixture(scope="module")
def apart(cluster, shared):
    """Two workers that send everything back; the cluster has room for no more."""
    shared.close()
    executor = RayExecutor(ExecutorOptions("ray", cluster.address, workers=2, send_back=True), worker_models)
    yield executor
    executor.close()


@pytest.fixture
def doom(monkeypatch):
    """Doom the tasks of some subjects, by name."""
    plain = runner.queued_subject

    def install(**dooms: Doom) -> None:
        def queued(prepared, run_folder, subject, *rest, **options):
            made = plain(prepared, run_folder, subject, *rest, **options)
            return doomed(made, dooms[subject.name]) if subject.name in dooms else made

        monkeypatch.setattr(runner, "queued_subject", queued)

    return install


def log(folder: Path, subject: str) -> str:
    return (folder / "logs" / f"{subject}.log").read_text()


def test_workers_killed_in_training_generation_and_scoring_and_a_unit_that_always_fails(
    tiny, shared, whole, doom, tmp_path, monkeypatch
) -> None:
    out, job = tmp_path / "run", prepared(tiny, *SUBJECTS)
    doom(
        dog=Doom("training", 3, "kill", tmp_path / "dog"),
        dog2=Doom("images", 2, "kill", tmp_path / "dog2"),
        vase=Doom("scoring", 1, "kill", tmp_path / "vase"),
        backpack=Doom("training", 2, "raise", None),
    )
    watch = Silent()
    _, failed = run_all([Job(job, out)], shared, watch)
    assert [(o.queued.name, o.attempts, o.error) for o in failed] == [
        ("run/backpack", 3, "doomed in training")
    ]
    record = open_run(out).record
    assert record.status == "partial"
    assert record.error == "run/backpack: doomed in training"
    assert {"dog", "dog2", "vase"} <= set(record.made_on)
    for subject in ("dog", "dog2", "vase"):
        pid = (tmp_path / subject).read_text()
        assert f"process {pid}" in log(out, subject)
        assert "the worker process was killed or crashed" in log(out, subject)
        assert "attempt 2 of 3" in log(out, subject)
        assert "attempt 3 of 3" not in log(out, subject)
    assert log(out, "backpack").count("RuntimeError: doomed in training") == 3
    assert sum("tried again" in line for line in watch.lines) == 5
    scores = open_run(out).scores("images")
    assert scores[scores.subject == "backpack"].dino.isna().all()
    assert scores[scores.subject != "backpack"].dino.notna().all()
    before = {p: p.stat().st_mtime_ns for p in out.glob("images/*/*.png")}

    monkeypatch.undo()  # the same command, with nothing wrong, finishes the run
    monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path / "cache"))
    _, failed = run_all([Job(job, out)], shared, Silent())
    assert failed == []
    assert open_run(out).record.status == "complete"
    assert_same_result(out, whole)
    assert {p: p.stat().st_mtime_ns for p in before} == before


def test_a_worker_that_lacks_the_device_says_so_in_one_line(tiny, cluster, shared, tmp_path) -> None:
    spec = prepared(tiny, "dog").spec
    runtime = spec.runtime.model_copy(update={"device": "cuda:63"})
    options = ExecutorOptions("ray", cluster.address)
    (job,) = prepare_all([spec.model_copy(update={"runtime": runtime})], options)
    (folder,), failed = run_all([Job(job, tmp_path / "run")], shared, Silent())
    lacks = "runtime.device=cuda:63 is not on this machine; use --set runtime.device=auto or cpu"
    assert {o.error for o in failed if o.attempts} == {lacks}
    assert "\n" not in str(UnfinishedRunsError(failed, [folder]))
    assert lacks in str(UnfinishedRunsError(failed, [folder]))


def test_without_a_shared_folder_files_come_back_and_a_hung_unit_is_stopped(
    tiny, apart, whole, doom, top, tmp_path
) -> None:
    """Two runs in one queue; the class images of ``dog`` are made on one node and travel to the other."""
    first, second = prepared(tiny, *SUBJECTS), prepared(tiny, "dog", seed=1)
    doom(vase=Doom("images", 2, "hang", tmp_path / "vase", limit=20))
    jobs = [Job(first, tmp_path / "run"), Job(second, tmp_path / "other")]
    for node in "ab":
        for kept in top.glob(f"{node}/class-images/*/*"):
            kept.unlink()  # what the test before left
    folders, failed = run_all(jobs, apart, Silent())
    assert failed == []
    assert [folder.record.status for folder in folders] == ["complete", "complete"]
    assert_same_result(tmp_path / "run", whole)
    assert "it did not end within 20 s" in log(tmp_path / "run", "vase")
    sets = [json.loads(f.read_text()) for f in (tmp_path / "cache").glob("class-images/dog-*/set.json")]
    assert len(sets) == 1
    for node in "ab":  # nothing stays on the nodes but class images, and what a stopped attempt left
        left = [p for p in (top / node / "tasks").rglob("*.png") if p.parent.name != "vase"]
        assert left == []
    assert images(tmp_path / "other").keys() == {n for n in images(whole) if n.startswith("images/dog/")}


def test_a_lost_node_costs_no_more_than_its_unit(tiny, cluster, apart, whole, doom, tmp_path) -> None:
    head = cluster.head_node.all_processes["raylet"][0].process.pid
    lose = Doom("training", 2, "lose", tmp_path / "lost", spared=head)
    doom(**dict.fromkeys(SUBJECTS, lose))
    _, failed = run_all([Job(prepared(tiny, *SUBJECTS), tmp_path / "run")], apart, Silent())
    assert failed == []
    assert (tmp_path / "lost").exists()
    assert_same_result(tmp_path / "run", whole)
