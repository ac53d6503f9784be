"""``dreambench reproduce``: the paper's whole evaluation on any base model, from one command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreambench.cli import executor_options, options
from dreambench.errors import DreambenchError

if TYPE_CHECKING:
    from dreambench.literature.reproduction import PlannedRun
    from dreambench.progress import Reporter
    from dreambench.runs.prepare import Prepared


def reproduce(
    preset: options.Preset = None,
    subjects: options.Subjects = None,
    base: options.Base = None,
    data: options.Data = None,
    settings: options.Set = None,
    seeds: Annotated[str, typer.Option("--seeds", help="Seeds, such as 0,1.")] = "0,1",
    correlation: Annotated[
        Path | None, typer.Option("--correlation", help="What `dreambench correlate --json` printed.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder of all runs. [default: below results/]")
    ] = None,
    executor: executor_options.Name = "local",
    ray_address: executor_options.RayAddress = None,
    workers: executor_options.Workers = None,
    gpus_per_unit: executor_options.GpusPerUnit = None,
    unit_timeout: executor_options.UnitTimeout = None,
    page: Annotated[
        Path | None,
        typer.Option("--page", help="Where the page goes. [default: beside the runs]"),
    ] = None,
    finished: Annotated[
        bool, typer.Option("--finished", help="Run nothing: write the page of the runs that are finished.")
    ] = False,
    tables: Annotated[
        Path | None,
        typer.Option(
            "--tables",
            help="A folder that keeps each finished run without its images; what it has is not run again.",
        ),
    ] = None,
) -> None:
    """Run the comparison, the ablations and what else the claims need; write one page with all tables."""
    from dreambench.cli.claims_command import read_correlation
    from dreambench.literature.reproduction import planned_runs
    from dreambench.runs.resolve import parse_subjects
    from dreambench.store.files import write_text

    where = executor_options.ExecutorOptions(executor, ray_address, workers, gpus_per_unit, unit_timeout)
    place = where if where.on_ray() else None
    _refuse_one_methods_settings(settings)
    names = parse_subjects(subjects)
    chosen = None if names in (None, "all") else list(names or ())
    rating = read_correlation(correlation)

    def build(fields: Mapping[str, Any]) -> Any:
        return options.spec_from_options(
            preset=preset,
            base=base,
            data=data,
            settings=settings,
            subjects=None,
            prompts=None,
            metrics=None,
            defaults=fields,
        )

    planned = planned_runs(build, _parse_seeds(seeds), chosen)
    folder = out or Path("results") / f"{planned[0].spec.preset}-reproduction"
    if tables and tables.resolve() == folder.resolve():
        raise DreambenchError(f"--tables and --out are both {folder}", "give --tables another folder")
    if not finished:
        _work_all(planned, folder, tables, place)
    from dreambench.report.reproduction_page import reproduction_page

    asked = _command(preset, subjects, base, settings)
    text = reproduction_page(planned, tables or folder, rating, correlation, asked)
    written = page or (tables or folder) / "reproduction.md"
    write_text(written, text)
    typer.echo(str(written))


def _work_all(
    planned: Sequence[PlannedRun],
    folder: Path,
    tables: Path | None,
    place: executor_options.ExecutorOptions | None,
) -> None:
    from dreambench.literature.reproduction import kept_runs, queues

    kept = kept_runs(planned, tables) if tables else {}
    if len(kept) == len(planned):
        return
    from dreambench.progress import quiet_libraries

    quiet_libraries()
    from dreambench.progress import reporter
    from dreambench.runs.prepare import prepare_all
    from dreambench.store import open_run
    from dreambench.store.published_run import publish_run

    with reporter() as shown:
        # All of them first: an error in the last run must not show after hours of the others.
        ready = dict(zip(planned, prepare_all([run.spec for run in planned]), strict=True))
        for run, record in kept.items():
            if record.key != ready[run].spec.key:
                told = f"{run.folder(tables or folder)} is of another base model, dataset or encoder"
                raise DreambenchError(told, "give another --tables")
        left = [run for run in planned if run not in kept]
        for queue in queues(left):
            work = {run: ready[run] for run in queue}
            _work(work, [run.folder(folder) for run in left], folder, place, shown)
            for run in queue:
                if tables:
                    publish_run(open_run(run.folder(folder)), run.folder(tables))


def _work(
    ready: Mapping[PlannedRun, Prepared],
    others: list[Path],
    root: Path,
    place: executor_options.ExecutorOptions | None,
    shown: Reporter,
) -> None:
    from dreambench.cli.run_command import work_runs
    from dreambench.runs.reuse import reuse_finished_subjects

    folders = [run.folder(root) for run in ready]
    for (run, prepared), folder in zip(ready.items(), folders, strict=True):
        taken = reuse_finished_subjects(prepared, folder, others)
        told = f", {len(taken)} subjects taken over from finished runs" if taken else ""
        shown.say(f"{run.group}: {run.variant}, seed {run.seed}{told}")
    error = work_runs(list(ready.values()), folders, place, shown)
    if error is not None:
        raise error


def _refuse_one_methods_settings(settings: list[str] | None) -> None:
    for setting in settings or []:
        if setting.startswith("method"):
            raise DreambenchError(
                f"--set {setting} does not suit every method of the comparison",
                "give --preset FILE with `methods: {NAME: {FIELD: VALUE}}`",
            )


def _parse_seeds(text: str) -> list[int]:
    try:
        seeds = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise DreambenchError(f"--seeds {text!r} is no list of numbers", "for example --seeds 0,1") from error
    if len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise DreambenchError(f"--seeds {text!r} has a number twice or below 0", "for example --seeds 0,1")
    return seeds


def _command(
    preset: str | None, subjects: str | None, base: str | None, settings: list[str] | None
) -> list[str]:
    """Return the options that a reader needs to repeat this."""
    given = {"--preset": preset, "--subjects": subjects, "--base": base}
    words = [word for name, value in given.items() if value for word in (name, value)]
    return words + [word for setting in settings or [] for word in ("--set", setting)]
