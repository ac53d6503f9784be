"""Reuse subjects that another run with the same settings has finished."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from dreambench.dataset import Subject
from dreambench.runs.prepare import Prepared, start_record
from dreambench.runs.subject_images import image_files
from dreambench.spec.run_spec import RunSpec
from dreambench.spec.version import __version__
from dreambench.store import RunFolder, RunRecord, locked_run
from dreambench.store.files import write_atomically
from dreambench.store.opening import readable_runs


def reuse_finished_subjects(prepared: Prepared, folder: Path, others: Iterable[Path]) -> list[str]:
    """Link what other runs have already made into the run folder ``folder``; return the subjects' names.

    A subject is reused from a run that differs at most in its subjects (data, base model, method, seed,
    prompts and sampler are the same), was made by this version of dreambench on the same device and in the
    same precision, has finished the subject, and has every file, those of PRES and drift included where they
    are asked for. Its images and its loss log are
    hard links, or copies across file systems; its note says where they come from.
    """
    wanted = _identity(prepared.spec)
    sources = [run for run in readable_runs(others) if run.path.resolve() != folder.resolve()]
    sources = [run for run in sources if _like(prepared, run.record) and _identity(run.record.spec) == wanted]
    if not sources:
        return []
    taken = []
    with locked_run(folder, start_record(prepared, folder.name, [])) as run_folder:
        for subject in prepared.subjects:
            if run_folder.subject_note(subject.name) is None and any(
                _take_over(prepared, subject, run, run_folder) for run in sources
            ):
                taken.append(subject.name)
    return taken


def _like(prepared: Prepared, record: RunRecord) -> bool:
    """Whether a run was made by this version, on this device, in this precision: none is in the key."""
    same_device = record.machine.get("device") == prepared.runtime.describe()
    return record.kind == "run" and record.dreambench == __version__ and same_device


def _identity(spec: RunSpec) -> dict[str, Any]:
    return {name: value for name, value in spec.images_identity().items() if name != "subjects"}


def _take_over(prepared: Prepared, subject: Subject, source: RunFolder, run_folder: RunFolder) -> bool:
    note = source.subject_note(subject.name)
    there, here = (image_files(prepared, subject, folder) for folder in (source, run_folder))
    pairs = list(zip(there, here, strict=True))
    if note is None or not all(theirs.exists() for theirs, _ in pairs):
        return False
    losses = source.loss_file(subject.name)
    if losses.exists():
        pairs.append((losses, run_folder.loss_file(subject.name)))
    for theirs, ours in pairs:
        if not ours.exists():
            write_atomically(ours, partial(_link, theirs))
    run_folder.save_subject(subject.name, {**note, "made_now": 0, "from": str(source.path.resolve())})
    return True


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
