"""The queue by itself: order, dependencies, other machines, and when a task is given up."""

from __future__ import annotations

import math

from dreambench.executors import QueuedTask
from dreambench.executors.events import EventQueue
from dreambench.executors.waiting import TimeLimits, Waiting
from tests.executors.material import Silent


def queued(name: str, *after: str) -> QueuedTask:
    return QueuedTask(name, task=None, after=after)  # type: ignore[arg-type]


def test_units_start_in_order_and_after_what_they_need() -> None:
    tasks = [queued("set"), queued("dog", "set"), queued("vase"), queued("cat", "elsewhere made")]
    waiting = Waiting(tasks, attempts=3)
    first = waiting.take("a")
    assert [first.name, waiting.take("b").name, waiting.take("b").name] == ["set", "vase", "cat"]
    assert waiting.take("b") is None
    assert len(waiting) == 4
    waiting.done(first)
    assert waiting.take("b").name == "dog"
    assert len(waiting) == 3


def test_a_unit_that_failed_goes_to_another_machine_while_there_is_one() -> None:
    waiting = Waiting([queued("dog")], attempts=3)
    dog = waiting.take("a", {"a", "b"})
    assert waiting.failed(dog, "a")
    assert waiting.take("a", {"a", "b"}) is None
    assert waiting.take("b", {"a", "b"}) is dog
    assert waiting.failed(dog, "b")
    assert waiting.take("a", {"a", "b"}) is dog  # it failed on both: any will do
    assert not waiting.failed(dog, "a")
    assert len(waiting) == 0


def test_the_only_machine_is_good_enough() -> None:
    waiting = Waiting([queued("dog")], attempts=3)
    dog = waiting.take("a", {"a"})
    waiting.failed(dog, "a")
    assert waiting.take("a", {"a"}) is dog


def test_what_needs_a_unit_that_is_given_up_is_dropped_with_it() -> None:
    waiting = Waiting(
        [queued("set"), queued("dog", "set"), queued("walk", "dog"), queued("vase")], attempts=1
    )
    made = waiting.take("a")
    assert not waiting.failed(made, "a")
    assert [u.name for u in waiting.drop_after(made)] == ["dog", "walk"]
    assert waiting.take("a").name == "vase"


def test_steps_are_added_up_on_their_way_and_nothing_is_lost() -> None:
    watch, seen = EventQueue(), Silent()
    watch.start("dog: training", 3)
    for _ in range(3):
        watch.advance("dog: training")
    watch.finish("dog: training")
    watch.say("a line")
    told = watch.read()
    assert told.calls[1] == ("advance", ("dog: training", 3))
    assert len(told.calls) == 4
    assert watch.read() is None
    told.apply(seen)
    assert (seen.lines, seen.bars) == (["a line"], {"dog: training"})


def test_a_time_limit_comes_from_the_longest_task_of_the_same_kind() -> None:
    def of_kind(kind: str, **fields: float) -> QueuedTask:
        return QueuedTask("dog", task=None, kind=kind, **fields)  # type: ignore[arg-type]

    limits = TimeLimits()
    limits.learn(of_kind("a: class images"), 20.0)
    assert limits.of(of_kind("a: subject")) == math.inf
    assert limits.of(of_kind("b: class images")) == math.inf
    for seconds in (1000.0, 900.0):
        limits.learn(of_kind("a: subject"), seconds)
    assert limits.of(of_kind("a: subject")) == 5 * 1000 + 600
    assert limits.of(of_kind("a: class images")) == 5 * 20 + 600
    assert limits.of(of_kind("a: subject", time_limit=30.0)) == 30
