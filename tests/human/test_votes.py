"""The file of votes: what is read, and the one line that names what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dreambench.errors import DreambenchError
from dreambench.human.votes import COLUMNS, read_votes
from tests.human.material import four_pairs, write_votes

Rows = list[dict[str, Any]]


def test_votes_are_read_as_they_were_written(tmp_path: Path) -> None:
    votes = read_votes(write_votes(tmp_path / "votes.csv", four_pairs()))
    assert tuple(votes.columns) == COLUMNS
    assert votes.to_dict(orient="records") == four_pairs()


def test_columns_in_another_order_a_bom_and_empty_lines(tmp_path: Path) -> None:
    path = write_votes(tmp_path / "votes.csv", four_pairs(), reversed(COLUMNS))
    path.write_text("\ufeff" + path.read_text(encoding="utf-8") + "\n,,,,,,,,,,\n", encoding="utf-8")
    assert read_votes(path).to_dict(orient="records") == four_pairs()


def test_an_answer_may_take_no_time(tmp_path: Path) -> None:
    rows = [{**row, "seconds": "0"} for row in four_pairs()]
    assert (read_votes(write_votes(tmp_path / "votes.csv", rows))["seconds"] == 0).all()


def test_seconds_may_be_empty(tmp_path: Path) -> None:
    rows = [{**row, "seconds": ""} for row in four_pairs()]
    assert read_votes(write_votes(tmp_path / "votes.csv", rows))["seconds"].isna().all()


def _with(column: str, value: Any) -> Callable[[Rows], Rows]:
    return lambda rows: [rows[0], {**rows[1], column: value}, *rows[2:]]


BAD: dict[str, tuple[Callable[[Rows], Rows], str]] = {
    "study": (_with("study", "style"), r"row 3, column study: 'style'.*subject, prompt"),
    "answer": (_with("answer", "A"), r"row 3, column answer: 'A'.*a, b, undecided"),
    "prompt_index": (_with("prompt_index", "-1"), r"row 3, column prompt_index: '-1'"),
    "prompt_index that is a digit elsewhere": (_with("prompt_index", "²"), "column prompt_index"),
    "prompt_index of 5,000 digits": (
        _with("prompt_index", "1" * 5000),
        "column prompt_index: '1{80}'",
    ),
    "seconds": (_with("seconds", "fast"), "row 3, column seconds: 'fast'"),
    "endless seconds": (_with("seconds", "inf"), "column seconds"),
    "seconds that are no number": (_with("seconds", "nan"), "column seconds"),
    "no rater": (_with("rater", ""), "row 3, column rater: ''"),
    "no image": (_with("image_b", " "), "row 3, column image_b: ''"),
    "one method": (
        lambda rows: [{**rows[0], "method_b": rows[0]["method_a"]}, *rows[1:]],
        "row 2, column method_b: 'ours'",
    ),
    "other images": (
        _with("image_a", "images/cat/00-0.png"),
        r"row 3, column pair: 'p0'.*row 2 uses it for other",
    ),
    "another prompt": (_with("prompt_index", 9), r"row 3, column pair: 'p0'"),
    "answered twice": (lambda rows: [*rows, rows[4]], r"row 14, column rater: 'r1'.*row 6 already has"),
    "nothing": (lambda rows: [], "contains no votes"),
}


@pytest.mark.parametrize(("change", "reason"), BAD.values(), ids=BAD)
def test_a_bad_vote_is_one_line(tmp_path: Path, change: Callable[[Rows], Rows], reason: str) -> None:
    path = write_votes(tmp_path / "votes.csv", change(four_pairs()))
    with pytest.raises(DreambenchError, match=reason) as caught:
        read_votes(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bad_files(tmp_path: Path) -> None:
    path = write_votes(tmp_path / "votes.csv", four_pairs(), [c for c in COLUMNS if c != "pair"])
    with pytest.raises(DreambenchError, match="row 1: no column pair"):
        read_votes(path)
    write_votes(path, four_pairs(), [*COLUMNS, "mood"])
    with pytest.raises(DreambenchError, match="'mood' is unknown"):
        read_votes(path)
    path.write_text(path.read_text() + "subject,r9\n")
    path.write_text(path.read_text().replace(",mood", ""))
    with pytest.raises(DreambenchError, match=r"row \d+: \d+ columns, not 11"):
        read_votes(path)
    for content, reason in ((b"", "no column study"), (b"\xff\xfe\x00", "cannot be read")):
        path.write_bytes(content)
        with pytest.raises(DreambenchError, match=reason):
            read_votes(path)
    for place in (tmp_path, tmp_path / "nowhere.csv"):
        with pytest.raises(DreambenchError, match="cannot be read as votes"):
            read_votes(place)


def test_the_same_pair_name_in_both_studies_is_two_questions(tmp_path: Path) -> None:
    path = write_votes(tmp_path / "votes.csv", [*four_pairs(), *four_pairs("prompt")])
    assert len(read_votes(path)) == 24
