"""A task's log and its progress: every stage is in the file, and its part of the whole is counted once."""

from __future__ import annotations

from pathlib import Path

import pytest

from dreambench.executors.local import LocalExecutor
from dreambench.executors.task import QueuedTask
from dreambench.executors.task_log import TaskLog
from tests.executors.material import Silent
from tests.executors.small_task import SmallTask


class Bars(Silent):
    """A watch that knows how far each bar is."""

    def __init__(self) -> None:
        super().__init__()
        self.done: dict[str, float] = {}
        self.finished: list[str] = []

    def advance(self, name, count=1):
        self.done[name] = self.done.get(name, 0) + count

    def finish(self, name):
        self.finished.append(name)


def queued(path: Path, name: str = "dog") -> QueuedTask:
    shares = {"training": 0.6 / 3, "images": 0.4 / 4}
    return QueuedTask(name, SmallTask(path, path), shares=shares, log=path / "logs" / f"{name}.log")


def test_a_task_is_done_when_all_its_shares_are(tmp_path) -> None:
    watch = Bars()
    log = TaskLog(queued(tmp_path), watch)
    log.start("training", 3)
    log.advance("training")
    log.advance("training", 2)
    assert log.fraction == pytest.approx(0.6)
    log.advance("images", 2)
    log.advance("something else", 9)
    assert log.fraction == pytest.approx(0.8)
    log.advance("images", 5)  # one more than there are
    assert log.fraction == 1
    assert watch.done == {"training": 3, "images": 7, "something else": 9}


def test_an_attempt_that_was_given_up_leaves_no_bar_and_counts_for_nothing(tmp_path) -> None:
    watch = Bars()
    log = TaskLog(queued(tmp_path), watch)
    for bar in ("training", "images"):
        log.start(bar, 3)
    log.advance("training", 2)
    log.finish("training")
    log.abandon()
    assert (watch.finished, log.fraction) == (["training", "images"], 0)
    log.abandon()
    assert watch.finished == ["training", "images"]


def test_the_log_has_every_attempt_and_the_user_sees_its_notices(tmp_path) -> None:
    watch = Bars()
    first, second = (TaskLog(queued(tmp_path), watch) for _ in range(2))
    first.start("training", 3)
    first.note("failed:\ntwo lines")
    second.say("again")
    lines = (tmp_path / "logs" / "dog.log").read_text().splitlines()
    assert [line.partition(" ")[2] for line in lines] == ["training: 3", "failed:", "two lines", "again"]
    assert watch.lines == ["again"]


def test_tasks_of_this_process_are_done_in_order_and_timed(tmp_path) -> None:
    watch, models = Bars(), object()
    queue = [queued(tmp_path / name, name) for name in ("dog", "cat")]
    outcomes = list(LocalExecutor(models).run(queue, watch))  # type: ignore[arg-type]
    assert [outcome.queued.name for outcome in outcomes] == ["dog", "cat"]
    assert all(outcome.error is None and outcome.seconds > 0 for outcome in outcomes)
    assert all(each.task.is_done() for each in queue)
    assert (watch.done, watch.finished) == ({"all units": 2}, ["all units"])
