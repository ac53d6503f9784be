"""``dreambench verify``: whether this installation scores the photos as it should."""

from __future__ import annotations

import json as json_library
from pathlib import Path
from typing import Annotated

import typer

from dreambench.cli.options import Json


def verify(
    preset: Annotated[
        str | None, typer.Option("--preset", help="paper-sd15, or mini, which needs no download.")
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="The official dataset's folder.")] = None,
    device: Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY.PATH=VALUE", help="Such as protocol.dino.weights=FILE."),
    ] = None,
    json: Json = False,
) -> None:
    """Score the dataset's photos against each other, and compare with the known numbers.

    Exit code 1 where a metric is further off than the tolerance: then no score of this installation is
    to be trusted. Needs the photos and two encoders, but no GPU and no base model.
    """
    from dreambench.runs.verify import verify as verify_installation

    found = verify_installation(preset, data=data, device=device, overrides=overrides)
    if json:
        content = found.model_dump(mode="json") | {"ok": found.ok}
        typer.echo(json_library.dumps(content, indent=1))
    else:
        from rich.console import Console

        from dreambench.report.verification_table import verification_table

        Console().print(verification_table(found))
        typer.echo(f"signature {found.signature}")
    if not found.ok:
        raise typer.Exit(1)
