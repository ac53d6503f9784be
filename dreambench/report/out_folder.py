"""The folder that a report or a leaderboard is written to: a new one, or one with an earlier of its kind.

Anything else in it, such as another run or a user's own ``table.csv``, would be overwritten in silence.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from dreambench.errors import DreambenchError, shortened
from dreambench.paths import refuse_undecodable
from dreambench.store import RunFolder
from dreambench.store.files import is_leftover

#: A file of each kind, and the words that only ours has.
_MARKS = {"report": ("report.json", '"signature":'), "leaderboard": ("index.html", "<h1>Leaderboard</h1>")}
_THUMBNAILS = "thumbs"  # all that a report has which was stopped early


def refuse_foreign_folder(out: Path, kind: str, runs: Sequence[RunFolder] = ()) -> None:
    """Raise DreambenchError where ``out`` has files, and not those of an earlier ``kind``.

    ``kind`` is "report" or "leaderboard"; ``runs`` are those that it shows; the ``report/`` of each
    is its own.
    """
    refuse_undecodable(out)
    if any(_is_same(out, run.report_folder) for run in runs):
        return
    try:
        names = {entry.name for entry in out.iterdir() if not is_leftover(entry)}
    except (FileNotFoundError, NotADirectoryError):
        return  # a new folder, or a file, of which the writer says what is wrong
    except OSError as error:  # links in a circle, a name that is too long, no permission
        told = f"{shortened(str(out))} cannot be written: {error.strerror}"
        raise DreambenchError(told, "give another --out") from error
    another = "run.json" in names and not any(_is_same(out, run.path) for run in runs)
    if not another and (names <= {_THUMBNAILS} or _is_marked(out, kind)):
        return
    what = "contains a run" if "run.json" in names else f"is not empty and contains no {kind}"
    raise DreambenchError(f"{out} {what}", f"give another --out, such as {out / kind}")


def _is_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to the same place; of links in a circle, whoever writes says so."""
    return os.path.realpath(one) == os.path.realpath(other)


def _is_marked(out: Path, kind: str) -> bool:
    name, words = _MARKS[kind]
    try:
        return words in (out / name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
