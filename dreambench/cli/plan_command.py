"""``dreambench plan``: what a run will do, before it does it."""

from __future__ import annotations

from typing import Annotated

import typer

from dreambench.cli.options import Execution, Json, KeepCheckpoints, Preset, Seed, SpecOptions, with_groups


@with_groups
def plan(
    *,
    preset: Preset = None,
    seed: Seed = None,
    asked: SpecOptions,
    keep_checkpoints: KeepCheckpoints = False,
    execution: Execution,
    probe: Annotated[
        bool, typer.Option("--probe", help="Time a few steps and a batch of images, and discard them.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what a run will do (steps, images, disk, time) and what is missing, without doing it."""
    from dreambench.progress import quiet_libraries
    from dreambench.runs.asked import asked_spec

    execution.on_ray()
    spec = asked_spec(preset, seed=seed, **vars(asked))
    quiet_libraries()
    from dreambench.runs.plan import make_plan

    made = make_plan(spec, keep_checkpoints, execution, probe)
    typer.echo(made.model_dump_json(indent=1) if json else made.text())
