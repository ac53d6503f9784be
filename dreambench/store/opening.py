"""Opening a run folder: for reading, or as its only writer, which starts the run or resumes it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dreambench.errors import DreambenchError
from dreambench.paths import refuse_special
from dreambench.spec.frozen import first_problem
from dreambench.spec.registries import UnknownNameError
from dreambench.spec.run_spec import differences, refuse_differences
from dreambench.store import files
from dreambench.store.record import SCHEMA_VERSION, RunRecord, now
from dreambench.store.run_folder import COPY, LOG, RunFolder
from dreambench.store.writer_lock import has_files, only_writer


def open_run(path: Path) -> RunFolder:
    """Open a run folder for reading. Raises DreambenchError if it is missing, damaged or newer than this."""
    return _open(path, "restore the file from a copy")


def _open(path: Path, remedy: str) -> RunFolder:
    """Open a run folder; ``remedy`` says what to do where its log and the log's copy cannot be read."""
    file = path / LOG
    try:
        return RunFolder(path, _read_record(file))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DreambenchError(
            f"{path} contains no run (no run.json)", "give a folder that `dreambench run` or `score` wrote"
        ) from error
    except UnknownNameError as error:
        raise DreambenchError(f"{file}: {error.message}", "install the package that brings it") from error
    except (ValidationError, ValueError, OSError) as error:
        if not _is_of_a_run(file):
            with contextlib.suppress(ValidationError, ValueError, OSError):
                _read_record(path / COPY)
                remedy = "repeat the command that made the run, which restores it"
        raise DreambenchError(f"{file} cannot be read as a run's log ({_problem(error)})", remedy) from error


def _read_record(file: Path) -> RunRecord:
    refuse_special(file)
    text = file.read_text(encoding="utf-8")
    version = _fields(text).get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise DreambenchError(
            f"{file} was written by a newer dreambench (its schema_version is {version})", "update dreambench"
        )
    return RunRecord.model_validate_json(text)


def _fields(text: str) -> dict[str, Any]:
    """Return the fields of a log, whatever version wrote them; none where it is not a JSON object."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _is_of_a_run(file: Path) -> bool:
    """Whether a log is whole, though not as this version writes it: its copy must not take its place."""
    try:
        return "schema_version" in _fields(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def _problem(error: Exception) -> str:
    """Return why a log cannot be read: the first wrong field, or the system's words."""
    if isinstance(error, ValidationError):
        return first_problem(error)[:200]
    return (error.strerror if isinstance(error, OSError) else None) or "it is not text in UTF-8"


def runs_below(folder: Path) -> list[Path]:
    """Return the run folders in a folder and one level deeper, where ``ablate`` puts variants."""
    return sorted({log.parent for pattern in (f"*/{LOG}", f"*/*/{LOG}") for log in folder.glob(pattern)})


def readable_runs(folders: Iterable[Path]) -> list[RunFolder]:
    """Open those folders that contain a run; damaged ones, and those of another version, are left out."""
    found = []
    for folder in folders:
        with contextlib.suppress(DreambenchError):
            found.append(open_run(folder))
    return found


@contextmanager
def locked_run(path: Path, record: RunRecord) -> Iterator[RunFolder]:
    """Start a run in ``path``, or resume the existing one, and keep other processes out.

    The same run of more or fewer subjects, prompts or images goes on. Raises DreambenchError where another
    process writes to the folder, where the folder contains a run of another spec (the error names the
    fields that differ), or where it contains other files.
    """
    with only_writer(path, "run"):
        yield _start_or_resume(path, record)


def _present_record(path: Path) -> tuple[RunRecord, list[str]]:
    """Return the log of a run that is resumed, from its copy where it is damaged, and what to say of it."""
    try:
        return _read_record(path / LOG), []
    except (ValidationError, ValueError, OSError):
        if not _is_of_a_run(path / LOG):
            with contextlib.suppress(ValidationError, ValueError, OSError):
                copy = _read_record(path / COPY)
                files.remove_all([path / LOG])
                return copy, [f"{path / LOG} was damaged or gone, and is restored from its copy"]
    return _open(path, "give another --out").record, []  # which says what is wrong


def _start_or_resume(path: Path, record: RunRecord) -> RunFolder:
    notices: list[str] = []
    if (path / LOG).exists() or (path / COPY).exists():
        present, notices = _present_record(path)
        _refuse_another_spec(path, present, record)
        kept = {
            "created": present.created or now(),
            "seconds": present.seconds,
            "made_on": present.made_on,
        }
        run = RunFolder(path, record.model_copy(update=kept))
    elif has_files(path):
        raise DreambenchError(f"{path} is not empty and contains no run", "give another --out")
    else:
        run = RunFolder(path, record.model_copy(update={"created": now()}))
    run.notices += notices
    files.remove_leftovers(path, spared=run.galleries_folder)
    for subject in record.subjects:
        files.roll_forward(path / "images" / subject)
    try:
        run.save_record("started", error=None)
    except KeyboardInterrupt:
        run.save_record("interrupted")
        raise
    return run


def _refuse_another_spec(path: Path, present: RunRecord, wanted: RunRecord) -> None:
    # More subjects, prompts or images per prompt are the same run grown: each image's noise is its own.
    grown = {name: getattr(wanted.spec, name) for name in ("subjects", "prompts", "images_per_prompt")}
    before = present.spec.evolve(**grown) if present.kind == "run" else present.spec
    same_images = before.images_key == wanted.spec.images_key
    if present.kind == wanted.kind and same_images and present.source == wanted.source:
        return
    fields = differences(wanted.spec, before)
    if present.kind != wanted.kind:
        fields.insert(0, f"kind: {wanted.kind}, not {present.kind}")
    if present.source != wanted.source:
        fields.insert(0, f"images: {wanted.source}, not {present.source}")
    refuse_differences(f"{path} contains a run of another spec", fields, "give another --out")
