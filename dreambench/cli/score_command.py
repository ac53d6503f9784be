"""``dreambench score``: images of other people's methods."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dreambench.cli.options import ImageOptions, Json, Out, ScoringPreset, with_groups
from dreambench.cli.run_command import show


@with_groups
def score(
    *,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            metavar="FOLDER",
            help="FOLDER/<subject>/<prompt_index>-<image_index>.png, or the like.",
        ),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest",
            metavar="FILE",
            help="CSV, TSV, JSON(L), Parquet: file,subject and prompt_index or prompt.",
        ),
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option("--pattern", help='How files are called: "{subject}_{prompt}_{image}.png".'),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option("--root", metavar="FOLDER", help="The folder of a manifest's files. [default: its own]"),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The row's name in tables.")
    ] = None,
    preset: ScoringPreset = None,
    asked: ImageOptions,
    out: Out = None,
    json: Json = False,
) -> None:
    """Score images of any method by the same protocol, with the same signature and the same report."""
    from dreambench.runs.asked import PAPER_PRESET
    from dreambench.runs.submissions.score import score as score_images

    # Scoring needs no GPU, and other people's images are of the paper's subjects.
    source = (images or manifest) if images is None or manifest is None else None
    run, _ = score_images(
        source,
        preset=PAPER_PRESET if preset is None else preset,
        name=name,
        pattern=pattern,
        root=root,
        out=out,
        **vars(asked),
    )
    show([run], json, out)
