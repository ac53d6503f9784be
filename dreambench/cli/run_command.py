"""``dreambench run``: one run, or several at once."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dreambench.cli import executor_options, options
from dreambench.progress import quiet_libraries

if TYPE_CHECKING:
    from dreambench.errors import DreambenchError
    from dreambench.progress import ProgressListener
    from dreambench.runs.prepare import Prepared
    from dreambench.spec.run_spec import RunSpec

Out = Annotated[Path | None, typer.Option("--out", help="The folder of the run. [default: below results/]")]


def run(
    preset: Annotated[
        list[str] | None,
        typer.Option(
            "--preset",
            help="A preset's name, or a YAML file; several: a run of each. "
            "[default: paper-sd15; a run without a GPU: mini]",
        ),
    ] = None,
    subjects: options.Subjects = None,
    prompts: options.Prompts = None,
    images_per_prompt: options.ImagesPerPrompt = None,
    method: options.MethodName = None,
    base: options.Base = None,
    data: options.Data = None,
    seed: Annotated[
        list[int] | None, typer.Option("--seed", help="The run's seed; several: a run of each.")
    ] = None,
    settings: options.Set = None,
    metrics: options.Metrics = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The folder of the run, or of several runs. [default: below results/]"),
    ] = None,
    keep_checkpoints: Annotated[
        bool, typer.Option("--keep-checkpoints", help="Keep every subject's weights.")
    ] = False,
    note: Annotated[
        list[str] | None, typer.Option("--note", help="A remark that the tables and the page carry.")
    ] = None,
    executor: executor_options.Name = "local",
    ray_address: executor_options.RayAddress = None,
    workers: executor_options.Workers = None,
    gpus_per_unit: executor_options.GpusPerUnit = None,
    unit_timeout: executor_options.UnitTimeout = None,
    send_back: executor_options.SendBack = False,
    json: options.Json = False,
) -> None:
    """Personalize a model for each subject, draw the prompts, score the images, and make the tables."""
    where = executor_options.ExecutorOptions(
        executor, ray_address, workers, gpus_per_unit, unit_timeout, send_back
    )
    on_ray = where.on_ray()
    presets: list[str | None] = [*preset] if preset else [None]
    seeds: list[int | None] = [*seed] if seed else [None]
    specs = [
        options.spec_from_options(
            preset=one_preset,
            subjects=subjects,
            prompts=prompts,
            images_per_prompt=images_per_prompt,
            method=method,
            base=base,
            data=data,
            seed=one_seed,
            settings=settings,
            metrics=metrics,
        )
        for one_preset, one_seed in product(presets, seeds)
    ]
    quiet_libraries()
    from dreambench.progress import reporter

    with reporter() as shown:
        prepared, folders = _prepare(specs, out, shown)
        if not preset:
            shown.say(f"preset {specs[0].preset} (none was given)")
        error = work_runs(prepared, folders, where if on_ray else None, shown, keep_checkpoints, note)
    show(folders, json)
    if error is not None:
        raise error


def _prepare(
    specs: list[RunSpec], out: Path | None, shown: ProgressListener
) -> tuple[list[Prepared], list[Path]]:
    """Prepare all runs and name their folders: ``out`` is the one run's, or the parent of several."""
    from dreambench.runs.prepare import prepare_all
    from dreambench.runs.resolve import default_run_name

    by_name = {default_run_name(each.spec): each for each in prepare_all(specs)}
    several = len(by_name) > 1
    parent = out if out is not None and several else Path("results")
    folders = [parent / name for name in by_name]
    if several:
        shown.say(f"{len(by_name)} runs: {', '.join(map(str, folders))}")
    elif out is not None:
        folders = [out]
    return list(by_name.values()), folders


def work_runs(
    prepared: list[Prepared],
    folders: list[Path],
    where: executor_options.ExecutorOptions | None,
    shown: ProgressListener,
    keep_checkpoints: bool = False,
    notes: list[str] | None = None,
) -> DreambenchError | None:
    """Work some runs here, or ``where`` says; return the error that tells which units failed."""
    from dreambench.runs.runner import Job, run_all
    from dreambench.runs.runner import run as run_prepared

    if where is None:
        for each, folder in zip(prepared, folders, strict=True):
            run_prepared(each, folder, shown, keep_checkpoints, notes)
        return None
    limit = where.unit_timeout or executor_options.measured_limit(prepared)
    jobs = [
        Job(each, folder, keep_checkpoints, notes or [], limit)
        for each, folder in zip(prepared, folders, strict=True)
    ]
    with executor_options.ray_executor(where) as executor:
        _, failed = run_all(jobs, executor, shown)
    return executor_options.failed_units(failed, folders) if failed else None


def show(runs: list[Path], json: bool) -> None:
    """Print the tables of some runs, and write their report."""
    from dreambench.cli.report_command import report, signatures_differ

    report(runs, out=None, json=json, force=len(runs) > 1 and signatures_differ(runs))
