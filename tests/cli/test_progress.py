"""Progress in a log file: a line as a stage begins, then at most one in 30 seconds, with rate and ETA."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from dreambench.cli.run_command import parse_names, parse_numbers
from dreambench.errors import DreambenchError
from dreambench.progress import LineReporter, reporter


def test_lines_come_at_the_start_and_then_now_and_then() -> None:
    now = [0.0]
    shown = io.StringIO()
    lines = LineReporter(Console(file=shown), clock=lambda: now[0])
    lines.start("dog: training", 1000)
    for _ in range(700):
        now[0] += 0.1
        lines.advance("dog: training")
    lines.advance("another", 5)
    lines.finish("dog: training")
    assert shown.getvalue().splitlines() == [
        "dog: training: 0 of 1,000",
        "dog: training: 300 of 1,000, 10.00 a second, 1 min 10 s left",
        "dog: training: 600 of 1,000, 10.00 a second, 40 s left",
        "dog: training: done in 1 min 10 s",
    ]


def test_what_was_there_before_makes_no_rate() -> None:
    now = [0.0]
    shown = io.StringIO()
    lines = LineReporter(Console(file=shown), clock=lambda: now[0])
    lines.start("images", 100, done=50)
    now[0] = 40.0
    lines.advance("images", 2)
    assert shown.getvalue().splitlines()[1] == "images: 52 of 100, 20.0 s each, 16 min 0 s left"


def test_without_a_terminal_lines_are_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    with reporter() as chosen:
        chosen.start("scoring", 3)
        chosen.finish("scoring")
    assert capsys.readouterr().err == "scoring: 0 of 3\n"


def test_a_notice_is_one_line_whatever_the_name_of_a_file() -> None:
    shown = io.StringIO()
    lines = LineReporter(Console(file=shown))
    lines.say("a\x1b[2J\r.png: not an image,\nleft out")
    assert shown.getvalue() == "a\\x1b[2J .png: not an image, left out\n"


def test_a_bar_shows_its_name_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_INTERACTIVE", "1")
    with reporter() as bars:
        bars.start("class images: a [red] toy", 3)
    assert "a [red] toy" in capsys.readouterr().err


@pytest.mark.parametrize("given", [["0,1,2"], ["0", "1", "2"], ["0, 1", "2"]])
def test_lists_take_commas(given: list[str]) -> None:
    assert parse_numbers("--seed", given) == [0, 1, 2]
    assert parse_names(["mini,paper-sd15"]) == parse_names(["mini", "paper-sd15"]) == ["mini", "paper-sd15"]


@pytest.mark.parametrize("wrong", ["x", "1,,2", "1.5", "\u0663", ""])
def test_what_is_not_a_number_is_named(wrong: str) -> None:
    with pytest.raises(DreambenchError, match="is not a whole number"):
        parse_numbers("--seed", [wrong])
