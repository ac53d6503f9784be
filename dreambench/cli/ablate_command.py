"""``dreambench ablate``: the paper's ablations, each as one command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreambench.cli import executor_options, options

if TYPE_CHECKING:
    from dreambench.analysis.ablation_summary import AblationSummary
    from dreambench.literature.ablations import Ablation
    from dreambench.runs.prepare import Prepared


def ablate(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="prior-preservation, class-noun or photo-count.")
    ],
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
    out: Annotated[
        Path | None, typer.Option("--out", help="The ablation's folder. [default: below results/]")
    ] = None,
    executor: executor_options.Name = "local",
    ray_address: executor_options.RayAddress = None,
    workers: executor_options.Workers = None,
    gpus_per_unit: executor_options.GpusPerUnit = None,
    unit_timeout: executor_options.UnitTimeout = None,
    send_back: executor_options.SendBack = False,
    json: options.Json = False,
) -> None:
    """Run an ablation of the paper, variant by variant, and compare its variants subject by subject."""
    from dreambench.literature.ablations import ablation

    where = executor_options.ExecutorOptions(
        executor, ray_address, workers, gpus_per_unit, unit_timeout, send_back
    )
    on_ray = where.on_ray()
    chosen = ablation(name)
    given: dict[str, Any] = {
        "preset": preset,
        "subjects": subjects,
        "prompts": prompts,
        "data": data,
        "metrics": metrics,
        "settings": settings,
        "images_per_prompt": images_per_prompt,
        "method": method,
        "base": base,
        "seed": seed,
    }
    specs = {v: options.spec_from_options(defaults=chosen.fields(v), **given) for v in chosen.variants}
    from dreambench.cli.run_command import work_runs
    from dreambench.progress import quiet_libraries

    quiet_libraries()
    from dreambench.progress import reporter
    from dreambench.report.ablation_files import write_ablation
    from dreambench.runs.prepare import prepare_all
    from dreambench.runs.reuse import reuse_finished_subjects, runs_beside

    with reporter() as shown:
        # All of them first: an error in the last variant must not show after hours of the others.
        prepared = dict(zip(specs, prepare_all(list(specs.values())), strict=True))
        folder = out or _default_folder(name, prepared[chosen.reference])
        # On Ray all variants are one queue; here each takes over what the one before it has finished.
        for batch in [list(specs)] if on_ray else [[variant] for variant in specs]:
            for variant in batch:
                taken = reuse_finished_subjects(prepared[variant], folder / variant, runs_beside(folder))
                shown.say(f"{name}: {variant}" + (f" ({len(taken)} subjects taken over)" if taken else ""))
            runs = [prepared[variant] for variant in batch], [folder / variant for variant in batch]
            error = work_runs(*runs, where if on_ray else None, shown)
            if error is not None:
                raise error
    summary = _summarize(chosen, folder)
    write_ablation(summary, folder)
    _show(summary, folder, json)


def _default_folder(name: str, prepared: Prepared) -> Path:
    spec = prepared.spec
    return Path("results") / f"{spec.preset}-ablation-{name}-{spec.images_key[:8]}"


def _summarize(chosen: Ablation, folder: Path) -> AblationSummary:
    from dreambench.analysis.ablation_summary import summarize_ablation
    from dreambench.analysis.run_scores import read_run_scores
    from dreambench.store import open_run

    runs = {variant: read_run_scores([open_run(folder / variant)])[0] for variant in chosen.variants}
    notes = list(chosen.notes)
    # Which wrong noun was drawn for whom is in that variant's log.
    notes += [note for run in runs.values() for note in run.record.notes if note.startswith("Class noun of")]
    return summarize_ablation(chosen.name, chosen.title, chosen.table, runs, notes)


def _show(summary: AblationSummary, folder: Path, json: bool) -> None:
    from rich.console import Console

    from dreambench.report.ablation_tables import ablation_terminal

    if json:
        typer.echo(summary.model_dump_json(indent=1))
    else:
        Console().print(ablation_terminal(summary))
        typer.echo(f"\nsignature {summary.signature}")
        for note in summary.notes:
            typer.echo(note, err=True)
    typer.echo(f"tables and figure: {folder}/ablation.*", err=True)
