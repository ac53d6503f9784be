"""The function behind ``dreambench score``: images of any method, scored into a folder like a run's."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from dreambench.errors import DreambenchError, listed
from dreambench.progress import ProgressListener, reporting
from dreambench.runs.asked import PAPER_PRESET, Asked, asked_protocols, asked_spec, by_protocol
from dreambench.spec.process import process_kept, quiet_libraries
from dreambench.spec.run_spec import RunSpec
from dreambench.store import RunFolder, locked_run

if TYPE_CHECKING:
    from dreambench.dataset import Dataset
    from dreambench.metrics.scoring import SubjectImages
    from dreambench.models.device import Runtime
    from dreambench.runs.submissions.layouts import SubmittedCell
    from dreambench.runs.submissions.submission import Submission


@process_kept()
def score(
    source: Any,
    *,
    preset: str | Mapping[str, Any] | None = PAPER_PRESET,
    name: str | None = None,
    pattern: str | None = None,
    root: str | Path | None = None,
    out: str | Path | None = None,
    reporter: ProgressListener | None = None,
    **asked: Unpack[Asked],
) -> tuple[RunFolder, list[str]]:
    """Score images of any method; return the folder of scores, and the names of the missing images.

    ``source`` is a folder (``FOLDER/<subject>/<prompt_index>-<image_index>.png``, or one of the layouts in
    the README), a manifest (CSV, TSV, JSON, JSON Lines or Parquet), a pandas DataFrame with a manifest's
    columns (or ``image`` instead of ``file``, with PIL images), or a mapping
    ``{subject: {prompt text or index: [PIL images or files]}}``. Images in memory are written into the folder
    of scores, so that the same call resumes and the report shows them. Several protocols take one pass over
    the images: the folder's own tables are the first one's, with the others' beside them. ``name`` is the
    name in tables (None: from the source), ``pattern`` describes a folder's file names, such as
    ``{subject}_{prompt}_{image}.png``, ``root`` is the folder of a manifest's files, ``out`` the folder of
    scores (None: below results/). The other fields are those of ``run``. A missing image is named
    ``subject/prompt-image``. A metric that has nothing to compare stays blank, and a line says why. Raises
    DreambenchError naming what is wrong.
    """

    def spec_of(protocol: str | None = None) -> RunSpec:
        return asked_spec(PAPER_PRESET if preset is None else preset, **by_protocol(asked, protocol))

    spec = spec_of()
    _refuse_at_once(source, name)
    quiet_libraries()
    from dreambench.runs.chosen_data import resolve_scoring
    from dreambench.runs.prepare import new_record
    from dreambench.runs.several_protocols import protocols_by_name, refuse_metrics_of_one_subject
    from dreambench.runs.submissions.manifests import refuse_unused
    from dreambench.runs.submissions.submission import read_submission
    from dreambench.runs.unrelated_prompts import refuse_drift_of_images

    protocols = protocols_by_name(asked_protocols(asked), spec_of)
    refuse_unused(source, pattern, root)
    for protocol in (spec.protocol, *protocols.values()):
        refuse_metrics_of_one_subject(protocol)
    refuse_drift_of_images([spec.protocol, *protocols.values()])
    spec, dataset, runtime = resolve_scoring(spec)
    submitted = read_submission(source, dataset, pattern, Path(root) if root else None)
    record = new_record(
        name or submitted.name,
        spec,
        dataset.select(spec.subjects),
        runtime,
        kind="score",
        protocols=protocols,
        source=submitted.source,
    )
    folder = Path(out) if out else Path("results") / f"score-{submitted.label}-{spec.images_key[:8]}"
    with reporting(reporter) as shown:
        return _score_into(RunFolder(folder, record), submitted, dataset, runtime, shown)


def _refuse_at_once(source: Any, name: str | None) -> None:
    """Raise DreambenchError for what can be seen before the slow import of torch."""
    if name is not None and not name.strip():
        raise DreambenchError("--name is empty", "give a name for the tables, or leave it out")
    if source is None:
        raise DreambenchError(
            "give either --images FOLDER or --manifest FILE.csv", "see `dreambench score --help`"
        )
    if isinstance(source, str | Path) and not Path(source).exists():
        what = "is not a file" if Path(source).suffix else "is not a folder"
        raise DreambenchError(f"{source} {what}: it does not exist", "fix the path")


def _score_into(
    planned: RunFolder, submitted: Submission, dataset: Dataset, runtime: Runtime, shown: ProgressListener
) -> tuple[RunFolder, list[str]]:
    """Score a submission into a new folder, or one of the same submission; return it and what is missing."""
    from dreambench.runs.blank_metrics import blank_metrics
    from dreambench.runs.runner import failures_are_recorded
    from dreambench.runs.score_run import write_scores
    from dreambench.runs.several_protocols import images_that_count
    from dreambench.runs.submissions.submission import expected_images

    spec, protocols = planned.record.spec, planned.record.protocols

    def images_of(each: RunSpec) -> Mapping[str, SubjectImages]:
        return expected_images(submitted, each, dataset, planned)

    images = images_of(spec)  # refuses numbers out of range, before anything is written
    blank = blank_metrics(protocols.values() or [spec.protocol], images)
    with (
        _nothing_left_of_a_failure(planned.path),
        locked_run(planned.path, planned.record) as run,
        failures_are_recorded([run], time.monotonic()),
    ):
        for notice in (*submitted.notices, *blank):
            shown.say(notice)
        submitted.write_images(run)
        write_scores(run, spec, runtime, protocols, images_of, shown)
        counted = images_that_count(spec, protocols)
        missing = [
            f"{c.subject}/{c.prompt_index:02d}-{c.image_index}"
            for own in images.values()
            for c in own.cells
            if c.file is None and c.image_index < counted
        ]
        run.save_record("partial" if missing else "complete")
        if missing:
            _say_missing(missing, submitted.images, spec.images_per_prompt, shown)
    return run, missing


def _say_missing(
    missing: Sequence[str], given: Iterable[SubmittedCell], images_per_prompt: int, shown: ProgressListener
) -> None:
    images = "image is" if len(missing) == 1 else "images are"
    shown.say(f"{len(missing)} {images} missing: {listed(missing)}")
    most = 1 + max((index for _, prompt, index in given if prompt is not None), default=-1)
    if 0 < most < images_per_prompt:
        shown.say(
            f"no prompt has more than {most} of the {images_per_prompt} images: "
            f"give --images-per-prompt {most} to expect no more"
        )


@contextmanager
def _nothing_left_of_a_failure(folder: Path) -> Iterator[None]:
    """Remove a new folder that has only a log, as where weights are missing: it would be the latest run."""
    fresh = not folder.exists()
    try:
        yield
    except DreambenchError:
        if fresh and not any((folder / kept).exists() for kept in ("embeddings", "images", "scores")):
            shutil.rmtree(folder, ignore_errors=True)
        raise
