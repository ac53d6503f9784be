"""The function behind ``dreambench reproduce``: every run that the paper's tables and claims need."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from dreambench.dataset import canonical_selection
from dreambench.dataset.prompts import OFFICIAL_COUNT
from dreambench.errors import DreambenchError
from dreambench.executors import ExecutorOptions
from dreambench.literature.reproduction import COMPARISON, PlannedRun, planned_runs, queues
from dreambench.progress import ProgressListener, reporting
from dreambench.runs.asked import Asked, asked_spec, parse_subjects
from dreambench.runs.run import work
from dreambench.spec.process import process_kept, quiet_libraries
from dreambench.spec.run_spec import RunSpec, differences, refuse_differences
from dreambench.store import RunFolder, open_run
from dreambench.store.record import RunRecord

if TYPE_CHECKING:
    from dreambench.runs.prepare import Prepared


@process_kept()
def reproduce(
    preset: str | None = None,
    *,
    seeds: Sequence[int] = (0, 1),
    finished: bool = False,
    out: str | Path | None = None,
    tables: Path | None = None,
    executor: ExecutorOptions | None = None,
    reporter: ProgressListener | None = None,
    **asked: Unpack[Asked],
) -> tuple[list[PlannedRun], Path]:
    """Run the comparison, the ablations and the claims' other runs; return the plan and the runs' folder.

    The options are those of ``run``. ``finished`` runs nothing. ``tables`` is a folder that stores each
    finished run without its images; runs in it are not repeated, and it is the returned folder. Raises
    DreambenchError.
    """
    options = executor or ExecutorOptions()
    subjects = parse_subjects(asked.pop("subjects", None))

    def build(fields: Mapping[str, Any]) -> RunSpec:
        return asked_spec(preset, defaults=fields, **asked)

    planned = planned_runs(build, seeds, None if subjects in (None, "all") else list(subjects or ()))
    folder = Path(out or f"results/{planned[0].spec.preset}-reproduction")
    if tables and os.path.realpath(tables) == os.path.realpath(folder):
        raise DreambenchError(f"--tables and --out are both {folder}", "give --tables another folder")
    kept = kept_runs(planned, tables) if tables and not finished else {}
    if not finished and len(kept) < len(planned):
        quiet_libraries()
        with reporting(reporter) as shown:
            _work_all(planned, kept, folder, tables, options, shown)
    return planned, tables or folder


def _work_all(
    planned: Sequence[PlannedRun],
    kept: Mapping[PlannedRun, RunRecord],
    folder: Path,
    tables: Path | None,
    options: ExecutorOptions,
    shown: ProgressListener,
) -> None:
    from dreambench.runs.prepare import prepare_all
    from dreambench.store.published_run import publish_run

    # Prepare all of them first: an error in the last run must not appear after hours of work on the others.
    ready = dict(zip(planned, prepare_all([run.spec for run in planned], options), strict=True))
    for run, record in kept.items():
        if record.key != ready[run].spec.key:
            raise DreambenchError(
                f"{run.folder(tables or folder)} is of another base model, dataset or encoder",
                "give another --tables",
            )
    left = [run for run in planned if run not in kept]
    for queue in queues(left):
        _work_queue(
            {run: ready[run] for run in queue}, [run.folder(folder) for run in left], folder, options, shown
        )
        for run in queue:
            if tables:
                finished = open_run(run.folder(folder))
                publish_run(finished, run.folder(tables), photos_too=not _photos_are_kept(finished, tables))


def _photos_are_kept(run: RunFolder, tables: Path) -> bool:
    """Whether a run below ``tables`` has the embeddings of all these photos: all runs share them."""
    asked = {(name, Path(file).name) for name, files in run.record.photos.items() for file in files}
    for file in tables.rglob("*-photos.safetensors"):
        photos = open_run(file.parents[1]).record.photos
        if asked <= {(name, Path(photo).name) for name, found in photos.items() for photo in found}:
            return True
    return False


def _work_queue(
    ready: Mapping[PlannedRun, Prepared],
    others: list[Path],
    root: Path,
    options: ExecutorOptions,
    shown: ProgressListener,
) -> None:
    from dreambench.runs.reuse import reuse_finished_subjects

    for run, prepared in ready.items():
        taken = reuse_finished_subjects(prepared, run.folder(root), others)
        reused = f", {len(taken)} subjects reused from finished runs" if taken else ""
        shown.say(f"{run.group}: {run.variant}, seed {run.seed}{reused}")
    work([(prepared, run.folder(root)) for run, prepared in ready.items()], options, shown)


def kept_runs(planned: Sequence[PlannedRun], tables: Path) -> dict[PlannedRun, RunRecord]:
    """Return the runs whose tables are below ``tables``, with their logs.

    The dataset and the base model are not opened: their names are compared, not their contents. Raises
    DreambenchError for a run that is not complete or has another spec, and for a folder without a run.
    """
    found = {}
    for run in planned:
        folder = run.folder(tables)
        record = _record_in(folder, run)
        if record is not None:
            if record.status != "complete":
                raise DreambenchError(
                    f"{folder} is {record.status}", "remove it: only complete runs are kept"
                )
            found[run] = record
        elif folder.exists():
            raise DreambenchError(f"{folder} contains no run", "remove it, or give another --tables")
    return found


def finished_runs(planned: Sequence[PlannedRun], root: Path) -> list[PlannedRun]:
    """Return the complete runs below ``root``; an ablation of one seed counts only with all its variants.

    Raises DreambenchError if there is none, and for a run with another spec.
    """
    logs = {run: _record_in(run.folder(root), run) for run in planned}
    done = {run for run, record in logs.items() if record is not None and record.status == "complete"}
    begun = {(run.group, run.seed) for run in planned if run not in done and run.group != COMPARISON}
    found = [run for run in planned if run in done and (run.group, run.seed) not in begun]
    if not found:
        raise DreambenchError(f"{root} contains no finished run", "leave out --finished to make them")
    return found


def _record_in(folder: Path, run: PlannedRun) -> RunRecord | None:
    """Return the log of a planned run, None without one. Raises DreambenchError if it is of another spec."""
    if not (folder / "run.json").exists():
        return None
    record = open_run(folder).record
    there = record.spec
    drawn = {"drawn": there.identifier.drawn}
    known = {"data": there.data, "base": there.base, "subjects": there.subjects, "identifier": drawn}
    # A log has its prompts in canonical form, which is the same for both categories.
    wanted = {**known, "prompts": canonical_selection(OFFICIAL_COUNT, run.spec.prompts)}
    fields = differences(run.spec.evolve(**wanted), there)
    if run.spec.base.model != there.base.model:
        fields.insert(0, f"base.model: {run.spec.base.model}, not {there.base.model}")
    if run.spec.subjects != "all" and set(run.spec.subjects) != set(there.subjects):
        fields.insert(0, "other subjects")
    refuse_differences(f"{folder} contains a run of another spec", fields, "give another --tables or --out")
    return record
