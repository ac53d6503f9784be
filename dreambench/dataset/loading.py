"""From a folder to a dataset: the official one, checked photo by photo, a published one, or a user's own."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from dreambench.dataset import official
from dreambench.dataset.dataset import Dataset, Problem, Subject, fingerprint_of, subject_rows
from dreambench.dataset.own import HEADER, LIST, read_own
from dreambench.errors import DreambenchError
from dreambench.paths import expanded

#: Reads a dataset's folder, decoding photos to their end if asked to: its subjects, and what is wrong.
Read = Callable[[Path, bool], tuple[tuple[Subject, ...], list[Problem]]]


def load_dataset(folder: Path | None = None, *, check: bool = True) -> Dataset:
    """Return the dataset in a folder, with the hash of every photo.

    ``folder`` is the official dataset, its parent, a published dataset that a reader of the entry-point group
    ``dreambench.datasets`` knows, or a user's own (one with ``subjects.csv``); None is the place where
    ``dreambench data pull`` puts the official one. The official dataset must be complete and unchanged.
    ``check`` also decodes every photo of another dataset to its end.
    Raises DreambenchError naming the first bad file, how many others there are, and the remedy.
    """
    root, read = _locate(folder)
    subjects, problems = read(root, check)
    if problems:
        raise _refusal(root, read is _read_official, problems)
    rows = subject_rows(subjects)
    drawn = _miniature_fingerprint(rows)
    if drawn:
        return Dataset("mini", drawn[:7], drawn, root, subjects)
    fingerprint = fingerprint_of(rows)
    if fingerprint == official.official_fingerprint():
        return Dataset(official.NAME, official.VERSION, fingerprint, root, subjects)
    # A name stands in labels and signatures, where "|", "@" and spaces separate fields.
    label = re.sub(r"[^\w.+-]+", "-", root.resolve().name).strip("-") or "own"
    return Dataset(label, fingerprint[:7], fingerprint, root, subjects)


def verify(folder: Path | None = None) -> list[Problem]:
    """Return every problem of the dataset in a folder, unreadable photos included; none means it is good.

    Raises DreambenchError where the folder does not exist or contains no dataset.
    """
    root, read = _locate(folder)
    return read(root, True)[1]


def _read_official(root: Path, decode: bool) -> tuple[tuple[Subject, ...], list[Problem]]:
    problems = official.official_problems(root)
    return (() if problems else official.read_official(root)), problems


def _locate(folder: Path | None) -> tuple[Path, Read]:
    """Return the dataset's own folder, and what reads it."""
    if folder is None:
        root = official.official_folder()
        if not root.is_dir():
            raise DreambenchError(
                f"the DreamBooth dataset is not on this machine (looked in {root})",
                "run `dreambench data pull`, or name a folder with `--data FOLDER`",
            )
        return root, _read_official
    root = expanded(folder)
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "does not exist"
        raise DreambenchError(f"the dataset folder {root} {what}", "name a folder with `--data FOLDER`")
    if (root / LIST).is_file():
        return root, read_own
    for candidate in (root, root / "dataset"):
        if official.looks_official(candidate):
            return candidate, _read_official
    for entry in sorted(entry_points(group="dreambench.datasets")):
        reader = entry.load()
        if reader.matches(root):
            return root, reader.read
    raise DreambenchError(
        f"{root} is not the official dataset, and has no {LIST}",
        f"for a dataset of your own, write {root / LIST} with the header `{HEADER}` and one line for each "
        f"folder of photos",
    )


def _miniature_fingerprint(rows: list[tuple[str, str, str, str, str]]) -> str | None:
    """Return the fingerprint of the miniature's photos as bitmaps, or None where the rows are not they."""
    listed = official.miniature_photos()
    keys = [(name, file, sha256) for name, _, _, file, sha256 in rows]
    if set(keys) != set(listed):
        return None
    return fingerprint_of((*row[:3], *listed[key]) for key, row in zip(keys, rows, strict=True))


def _refusal(root: Path, is_official: bool, problems: list[Problem]) -> DreambenchError:
    first, others = problems[0], len(problems) - 1
    more = f" (and {others} more {'problem' if others == 1 else 'problems'})" if others else ""
    remedy = f"`dreambench data verify --data {shlex.quote(str(root))}` lists what is wrong"
    if is_official:
        remedy += ", `dreambench data pull` fetches the official photos"
    return DreambenchError(f"{root / first.file}: {first.problem}{more}", remedy)
