"""From a folder to a dataset: the official one, checked photo by photo, or a user's own."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from dreambench.dataset import official
from dreambench.dataset.dataset import Dataset, Problem, Subject, fingerprint_of, subject_rows
from dreambench.dataset.own import HEADER, LIST, read_own
from dreambench.errors import DreambenchError


def load_dataset(folder: Path | None = None, *, check: bool = True) -> Dataset:
    """Return the dataset in a folder, with the hash of every photo.

    ``folder`` is the official dataset, its parent, or a user's own dataset (one with ``subjects.csv``);
    None is the place where ``dreambench data pull`` puts the official one. The official dataset must
    be complete and unchanged. ``check`` also decodes every photo of a user's dataset to its end.
    Raises DreambenchError naming the first bad file, how many others there are, and the remedy.
    """
    root, own = _locate(folder)
    subjects, problems = _read(root, own, decode=check)
    if problems:
        raise _refusal(root, own, problems)
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
    root, own = _locate(folder)
    return _read(root, own, decode=True)[1]


def _read(root: Path, own: bool, *, decode: bool) -> tuple[tuple[Subject, ...], list[Problem]]:
    if own:
        return read_own(root, decode=decode)
    problems = official.official_problems(root)
    return (() if problems else official.read_official(root)), problems


def _locate(folder: Path | None) -> tuple[Path, bool]:
    """Return the dataset's own folder, and whether it is a user's."""
    if folder is None:
        root = official.official_folder()
        if not root.is_dir():
            raise DreambenchError(
                f"the DreamBooth dataset is not on this machine (looked in {root})",
                "run `dreambench data pull`, or name a folder with `--data FOLDER`",
            )
        return root, False
    root = Path(folder).expanduser()
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "does not exist"
        raise DreambenchError(f"the dataset folder {root} {what}", "name a folder with `--data FOLDER`")
    if (root / LIST).is_file():
        return root, True
    for candidate in (root, root / "dataset"):
        if official.looks_official(candidate):
            return candidate, False
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


def _refusal(root: Path, own: bool, problems: list[Problem]) -> DreambenchError:
    first, others = problems[0], len(problems) - 1
    more = f" (and {others} more {'problem' if others == 1 else 'problems'})" if others else ""
    remedy = f"`dreambench data verify --data {shlex.quote(str(root))}` lists what is wrong"
    if not own:
        remedy += ", `dreambench data pull` fetches the official photos"
    return DreambenchError(f"{root / first.file}: {first.problem}{more}", remedy)
