"""Votes and scores of two runs, small enough to count by hand."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from dreambench.human.votes import COLUMNS

RUNS = ("ours", "theirs")


def vote(pair: int, rater: str, answer: str, swapped: bool = False, **changes: Any) -> dict[str, Any]:
    """Return one row of a file of votes; ``answer`` is by run ("ours", "theirs" or "undecided").

    ``swapped`` shows the sides the other way round.
    """
    sides = RUNS[::-1] if swapped else RUNS
    row = {"study": "subject", "rater": rater, "pair": f"p{pair}", "subject": "dog", "prompt_index": pair}
    for side, run in zip("ab", sides, strict=True):
        row |= {f"image_{side}": f"images/dog/{pair:02d}-0.png", f"method_{side}": run}
    row |= {"answer": answer if answer == "undecided" else "ab"[sides.index(answer)], "seconds": 1.5}
    return {**row, **changes}


def write_votes(path: Path, rows: Iterable[dict[str, Any]], columns: Iterable[str] = COLUMNS) -> Path:
    """Write a file of votes."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def four_pairs(study: str = "subject") -> list[dict[str, Any]]:
    """Return 12 votes of 3 raters on 4 pairs, counted by hand.

    p0: ours ours theirs; p1: ours undecided undecided; p2: ours theirs undecided; p3: ours ours ours. By
    majority ours 2, undecided 2 (p1, and the tie of p2). Answers: ours 7, theirs 2, undecided 3; ours
    wins 7 + 1.5 of 12. Normalized preference of ours: 2/3, 2/3, 1/2, 1.
    """
    answers = [
        ("ours", "ours", "theirs"),
        ("ours", "undecided", "undecided"),
        ("ours", "theirs", "undecided"),
        ("ours", "ours", "ours"),
    ]
    return [
        vote(pair, f"r{rater}", answer, swapped=(pair + rater) % 2 == 1, study=study)
        for pair, row in enumerate(answers)
        for rater, answer in enumerate(row)
    ]


def votes_on_pairs(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    """Return votes of the subject study on pairs of the runs `ours` and `theirs`: (rater, pair, answer)."""
    full = [
        ("subject", rater, pair, f"s{pair}", 0, f"a{pair}", f"b{pair}", "ours", "theirs", answer, 3.0)
        for rater, pair, answer in rows
    ]
    return pd.DataFrame(full, columns=list(COLUMNS))
