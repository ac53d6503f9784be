"""The votes of a user study: the columns of their CSV file, and how it is read and checked.

A row is one answer of one rater to one question: which of two images of the same subject and prompt is
better, in subject fidelity (study ``subject``) or prompt fidelity (study ``prompt``). ``image_a`` and
``image_b`` are entries of a score table's ``file`` column, ``method_a`` and ``method_b`` names of runs.
Raters may see the same two images as a and b or as b and a: sides are shuffled.
"""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path

import pandas as pd

from dreambench.errors import DreambenchError
from dreambench.paths import refuse_special

COLUMNS = (
    *("study", "rater", "pair", "subject", "prompt_index", "image_a", "image_b", "method_a", "method_b"),
    *("answer", "seconds"),
)
STUDIES = ("subject", "prompt")
ANSWERS = ("a", "b", "undecided")
_EXPORT = "`dreambench study export` writes such a file"


def read_votes(path: Path) -> pd.DataFrame:
    """Read and check a file of votes; the columns are ``COLUMNS``, in that order.

    ``prompt_index`` is an integer, ``seconds`` a float (NaN where it is empty), the others are strings.
    Raises DreambenchError naming the file, the row (the header is row 1) and the column.
    """
    refuse_special(path, "the votes file")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DreambenchError(f"{path} cannot be read as votes ({reason})", _EXPORT) from error
    header = [name.strip() for name in rows[0]] if rows else []
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise DreambenchError(f"{path} row 1: no column {missing[0]}", _EXPORT)
    unknown = [name for name in header if name not in COLUMNS or header.count(name) > 1]
    if unknown:
        raise DreambenchError(f"{path} row 1: column {unknown[0]!r} is unknown or occurs twice", _EXPORT)
    numbered = [(number, row) for number, row in enumerate(rows[1:], start=2) if any(c.strip() for c in row)]
    if not numbered:
        raise DreambenchError(f"{path} contains no votes", _EXPORT)
    votes = [_vote(path, number, header, row) for number, row in numbered]
    _check_questions(path, [number for number, _ in numbered], votes)
    return pd.DataFrame(votes, columns=list(COLUMNS))


def _vote(path: Path, number: int, header: list[str], row: list[str]) -> dict[str, object]:
    if len(row) != len(header):
        raise DreambenchError(f"{path} row {number}: {len(row)} columns, not {len(header)}", _EXPORT)
    cells = {name: cell.strip() for name, cell in zip(header, row, strict=True)}
    for name, allowed in (("study", STUDIES), ("answer", ANSWERS)):
        if cells[name] not in allowed:
            raise _refusal(path, number, name, cells[name], f"write one of {', '.join(allowed)}")
    for name in ("rater", "pair", "subject", "image_a", "image_b", "method_a", "method_b"):
        if not cells[name]:
            raise _refusal(path, number, name, "", "fill it in")
    if cells["method_a"] == cells["method_b"]:
        raise _refusal(path, number, "method_b", cells["method_b"], "a pair has images of two methods")
    if not re.fullmatch(r"[0-9]{1,9}", cells["prompt_index"]):
        raise _refusal(
            path, number, "prompt_index", cells["prompt_index"], "write a whole number, 0 or greater"
        )
    return {
        **cells,
        "prompt_index": int(cells["prompt_index"]),
        "seconds": _seconds(path, number, cells["seconds"]),
    }


def _seconds(path: Path, number: int, cell: str) -> float:
    if not cell:
        return math.nan
    try:
        seconds = float(cell)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise _refusal(path, number, "seconds", cell, "write a number, 0 or greater, or leave it empty")
    return seconds


def _refusal(path: Path, number: int, column: str, cell: str, remedy: str) -> DreambenchError:
    return DreambenchError(f"{path} row {number}, column {column}: {cell[:80]!r} is not valid", remedy)


def _check_questions(path: Path, numbers: list[int], votes: list[dict[str, object]]) -> None:
    """Refuse a pair with different images in two rows, and a rater who answers a question twice."""
    shown: dict[object, tuple[int, object]] = {}
    answered: dict[object, int] = {}
    for number, vote in zip(numbers, votes, strict=True):
        question = (vote["study"], vote["pair"])
        sides = {(vote["method_a"], vote["image_a"]), (vote["method_b"], vote["image_b"])}
        content = (vote["subject"], vote["prompt_index"], frozenset(sides))
        first, known = shown.setdefault(question, (number, content))
        if known != content:
            raise _refusal(path, number, "pair", str(vote["pair"]), f"row {first} uses it for other images")
        first = answered.setdefault((vote["rater"], question), number)
        if first != number:
            raise _refusal(
                path, number, "rater", str(vote["rater"]), f"row {first} already has this rater's answer"
            )
