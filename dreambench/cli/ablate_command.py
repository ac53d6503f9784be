"""``dreambench ablate``: the paper's ablations, each as one command."""

from __future__ import annotations

from typing import Annotated

import typer

from dreambench.cli.options import Execution, Json, Out, Preset, Seed, SpecOptions, with_groups
from dreambench.cli.printing import print_uncut


@with_groups
def ablate(
    *,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="prior-preservation, class-noun or photo-count.")
    ],
    preset: Preset = None,
    seed: Seed = None,
    asked: SpecOptions,
    out: Out = None,
    execution: Execution,
    json: Json = False,
) -> None:
    """Run an ablation of the paper, variant by variant, and compare its variants subject by subject."""
    from dreambench.report.ablation_tables import ablation_terminal, write_ablation
    from dreambench.runs.ablate import ablate as run_ablation

    summary, folder = run_ablation(name, preset, seed=seed, out=out, executor=execution, **vars(asked))
    write_ablation(summary, folder)
    if json:
        typer.echo(summary.model_dump_json(indent=1))
    else:
        print_uncut(ablation_terminal(summary))
        typer.echo(f"\nsignature {summary.signature}")
        for note in summary.notes:
            typer.echo(note, err=True)
    typer.echo(f"tables and figure: {folder}/ablation.*", err=True)
