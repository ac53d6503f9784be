"""A worker by itself, without Ray: what it yields while a task runs."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from types import SimpleNamespace

from dreambench.executors.events import Ended, Progress
from dreambench.executors.ray.worker import Worker


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
