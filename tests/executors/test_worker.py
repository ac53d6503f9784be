"""A worker by itself, without Ray: what it yields while a task runs."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest
import ray

from dreambench.executors.events import Ended, EventQueue, Files, Progress
from dreambench.executors.ray.worker import Worker
from tests.executors.small_task import SmallTask


class Told(SimpleNamespace):
    """A task that says a line, waits, says its last line, and ends."""

    def perform(self, models, watch) -> None:
        watch.say("first")
        assert self.go_on.wait(60)
        watch.say("last")
        self.said.set()

    def finished_files(self) -> list:
        return []

    def is_done(self) -> bool:
        return True

    def is_begun(self) -> bool:
        return self.begun


def test_what_a_task_says_last_is_passed_on_however_late_it_is_read() -> None:
    task = Told(root=Path(), go_on=Event(), said=Event(), begun=False)
    events = Worker({}, lambda host: None).work(task, False, [], [])
    assert next(events) == Progress([("say", ("first",))])
    task.go_on.set()
    assert task.said.wait(60)
    assert list(events) == [Progress([("say", ("last",))]), Ended()]


def test_a_task_that_was_begun_before_is_no_measure_of_the_others() -> None:
    task = Told(root=Path(), go_on=Event(), said=Event(), begun=True)
    task.go_on.set()
    assert list(Worker({}, lambda host: None).work(task, False, [], []))[-1] == Ended(resumed=True)


@pytest.fixture
def _no_store(monkeypatch) -> None:
    """Parcels are handed over themselves, not by a reference into Ray's object store."""
    monkeypatch.setattr(ray, "get", lambda parcel: parcel)


def work(task: SmallTask, present=(), reads=()) -> tuple[dict[str, bytes], list[str], list[str], Ended]:
    """Do a task that sends its files back; return them, their names in order, what was said, and its end."""
    *events, end = Worker({}, lambda host: None).work(task, True, present, reads)
    sent = [event.parcel for event in events if isinstance(event, Files)]
    said = [words[0] for e in events if isinstance(e, Progress) for name, words in e.calls if name == "say"]
    files = {name: content for parcel in sent for name, content in parcel.items()}
    return files, [name for parcel in sent for name in parcel], said, end


@pytest.mark.usefixtures("_no_store")
def test_files_are_sent_back_each_once_and_are_then_forgotten(tmp_path) -> None:
    task = SmallTask(tmp_path / "run", tmp_path / "here")
    files, names, _, end = work(task, [{"a/0.png": b"made before"}])
    assert end == Ended(resumed=True)
    assert names == ["a/0.png", "a/1.png", "note"]
    assert files["a/0.png"] == b"made before"
    assert task.elsewhere().finished_files() == []
    assert not task.root.exists()


@pytest.mark.usefixtures("_no_store")
def test_a_task_that_fails_sends_its_images_alone_and_goes_on_from_them(tmp_path) -> None:
    def broken() -> None:
        raise ValueError("no\nluck")

    files, _, said, end = work(SmallTask(tmp_path / "run", tmp_path / "here", ends=broken))
    assert (end.error, end.broken, "ValueError" in end.trace) == ("no luck", False, True)
    assert set(files) == {"a/0.png", "a/1.png"}
    assert len(said) == 3
    *_, said, end = work(SmallTask(tmp_path / "run", tmp_path / "here"))
    assert (said, end) == ([], Ended(resumed=True))


@pytest.mark.usefixtures("_no_store")
def test_files_that_a_task_reads_come_first_unless_they_are_there(tmp_path) -> None:
    other = SmallTask(tmp_path / "class", tmp_path / "class", {"0.png": "", "set.json": ""})
    task = SmallTask(tmp_path / "run", tmp_path / "here", ends=lambda: seen.append(other.is_done()))
    seen: list[bool] = []
    assert work(task, reads=[(other, [{"0.png": b"theirs"}, {"set.json": b"theirs"}])])[-1].error is None
    assert seen == [True]
    assert work(task, reads=[(other, [{"set.json": b"another"}])])[-1].error is None
    assert (other.root / "set.json").read_bytes() == b"theirs"


@pytest.mark.parametrize(
    ("error", "broken"),
    [
        (SystemExit("over"), False),
        (MemoryError(), True),
        (RuntimeError("Out of memory"), True),
        (RuntimeError("CUDA error: an illegal memory access"), True),
        (ValueError("wrong"), False),
    ],
)
def test_a_worker_without_memory_or_gpu_is_not_used_again(tmp_path, error, broken) -> None:
    def ends() -> None:
        raise error

    *_, end = Worker({}, lambda host: None).work(SmallTask(tmp_path, tmp_path, ends=ends), False, [], [])
    assert (end.error, end.broken) == (str(error) or "MemoryError", broken)


def test_steps_of_two_bars_are_not_added_to_each_other() -> None:
    watch = EventQueue()
    for name, count in (("training", 1), ("training", 2), ("images", 4), ("training", 1)):
        watch.advance(name, count)
    told = watch.read()
    assert told is not None
    assert [arguments for _, arguments in told.calls] == [("training", 3), ("images", 4), ("training", 1)]
