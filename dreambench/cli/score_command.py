"""``dreambench score``: images of other people's methods."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dreambench.cli import options
from dreambench.cli.run_command import Out, show
from dreambench.progress import quiet_libraries


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
    from dreambench.runs.scorer import score_submission

    with reporter() as shown:
        done, missing = score_submission(spec, images, manifest, out, shown)
        if missing:
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            shown.say(f"{len(missing)} images are missing: {', '.join(missing[:5])}{more}")
    show([done.path], json)
