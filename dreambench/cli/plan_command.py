"""``dreambench plan``: what a run will do, before it does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dreambench.cli import executor_options, options
from dreambench.progress import quiet_libraries

if TYPE_CHECKING:
    from dreambench.runs.plan import Schedule
    from dreambench.spec.run_spec import RunSpec


def plan(
    preset: options.Preset = None,
    subjects: options.Subjects = None,
    prompts: options.Prompts = None,
    images_per_prompt: options.ImagesPerPrompt = None,
    method: options.MethodName = None,
    base: options.Base = None,
    data: options.Data = None,
    seed: options.Seed = None,
    settings: options.Set = None,
    metrics: options.Metrics = None,
    keep_checkpoints: Annotated[bool, typer.Option("--keep-checkpoints")] = False,
    executor: executor_options.Name = "local",
    workers: executor_options.Workers = None,
    gpus_per_unit: executor_options.GpusPerUnit = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="Time a few steps and a batch of images, and throw them away.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Tell what a run will do (steps, images, disk, time) and what is missing, without doing it."""
    where = executor_options.ExecutorOptions(executor, None, workers, gpus_per_unit)
    timed = where.on_ray() or probe
    spec = options.spec_from_options(
        preset=preset,
        subjects=subjects,
        prompts=prompts,
        images_per_prompt=images_per_prompt,
        method=method,
        base=base,
        data=data,
        seed=seed,
        settings=settings,
        metrics=metrics,
    )
    quiet_libraries()
    from dreambench.runs.plan import make_plan

    made = make_plan(spec, keep_checkpoints, _schedule(spec, where, probe) if timed else None)
    typer.echo(made.model_dump_json(indent=1) if json else made.text())


def _schedule(spec: RunSpec, where: executor_options.ExecutorOptions, probe: bool) -> Schedule:
    import torch

    from dreambench.progress import reporter
    from dreambench.runs.plan import Schedule
    from dreambench.runs.timing import Rates, earlier_rates
    from dreambench.runs.timing import probe as run_probe

    def measure(fingerprint: str | None) -> Rates | None:
        if not probe:
            return earlier_rates(spec, fingerprint)
        with reporter() as shown:
            return run_probe(spec, shown)

    gpus = torch.cuda.device_count()
    share = where.gpus_per_unit if where.gpus_per_unit is not None else (1.0 if gpus else 0.0)
    fitting = max(1, int(gpus / share)) if share else 1
    return Schedule(where.workers or fitting, share, measure)
