"""``dreambench run``, ``score`` and ``plan``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from dreambench.cli import options

Out = Annotated[Path | None, typer.Option("--out", help="The folder of the run. [default: below results/]")]


def run(
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
    out: Out = None,
    keep_checkpoints: Annotated[
        bool, typer.Option("--keep-checkpoints", help="Keep every subject's weights.")
    ] = False,
    note: Annotated[
        list[str] | None, typer.Option("--note", help="A remark that the tables and the page carry.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Personalize a model for each subject, draw the prompts, score the images, and make the tables."""
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
    from dreambench.prepare import prepare
    from dreambench.progress import reporter
    from dreambench.runner import run as run_prepared

    with reporter() as shown:
        prepared = prepare(spec)
        if preset is None:
            shown.say(f"preset {spec.preset} (none was given)")
        done = run_prepared(prepared, out, shown, keep_checkpoints, note)
    _show([done.path], json)


def score(
    images: Annotated[
        Path | None, typer.Option("--images", help="FOLDER/<subject>/<prompt_index>-<image_index>.png")
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option("--manifest", help="CSV: file,subject and prompt_index or prompt.")
    ] = None,
    preset: options.Preset = None,
    subjects: options.Subjects = None,
    prompts: options.Prompts = None,
    images_per_prompt: options.ImagesPerPrompt = None,
    data: options.Data = None,
    settings: options.Set = None,
    metrics: options.Metrics = None,
    out: Out = None,
    json: options.Json = False,
) -> None:
    """Score images of any method by the same protocol, with the same signature and the same report."""
    spec = options.spec_from_options(
        # Scoring needs no GPU, and other people's images are of the paper's subjects.
        preset=preset or options.PAPER_PRESET,
        subjects=subjects,
        prompts=prompts,
        images_per_prompt=images_per_prompt,
        data=data,
        settings=settings,
        metrics=metrics,
    )
    quiet_libraries()
    from dreambench.progress import reporter
    from dreambench.scorer import score_submission

    with reporter() as shown:
        done, missing = score_submission(spec, images, manifest, out, shown)
        if missing:
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            shown.say(f"{len(missing)} images are missing: {', '.join(missing[:5])}{more}")
    _show([done.path], json)


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
    json: options.Json = False,
) -> None:
    """Tell what a run will do (steps, images, disk) and what is missing, without doing anything."""
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
    from dreambench.plan import make_plan

    made = make_plan(spec, keep_checkpoints)
    typer.echo(made.model_dump_json(indent=1) if json else made.text())


def _show(runs: list[Path], json: bool) -> None:
    from dreambench.cli.report import report

    report(runs, out=None, json=json, force=False)


def quiet_libraries() -> None:
    """Keep the libraries' own bars and advice off the terminal."""
    # Their bars and advice would drown ours; errors still surface as exceptions.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import warnings

    warnings.filterwarnings(
        "ignore", module=r"(transformers|diffusers|timm|open_clip|torch|torchvision|lpips)\b"
    )
