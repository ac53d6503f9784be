"""The options that several commands share, each declared once; a command takes a group as one parameter."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from dreambench.executors.executor_options import ExecutorOptions

Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME|FILE",
        help="A preset's name, or a YAML file. [default: paper-sd15; a run without a GPU: mini]",
    ),
]
ScoringPreset = Annotated[
    str | None,
    typer.Option(
        "--preset", metavar="NAME|FILE", help="A preset's name, or a YAML file. [default: paper-sd15]"
    ),
]
Subjects = Annotated[
    str | None, typer.Option("--subjects", metavar="NAME,...", help="all, or names such as dog,cat.")
]
Base = Annotated[
    str | None, typer.Option("--base", metavar="ID|FOLDER", help="The base model: a hub id, or a folder.")
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="FOLDER", help="The official dataset's folder, or your own with subjects.csv."
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", help="The run's seed.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY.PATH=VALUE", help="Set any field of the spec.")
]
KeepCheckpoints = Annotated[bool, typer.Option("--keep-checkpoints", help="Keep every subject's weights.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FOLDER", help="The results' folder. [default: below results/]"),
]


@dataclass(frozen=True)
class ImageOptions:
    """Which images of which data, scored how; the names are those of ``runs.run.Asked``."""

    subjects: Subjects = None
    prompts: Annotated[
        str | None, typer.Option("--prompts", metavar="N-N,...", help="all, or indices such as 0-4,7.")
    ] = None
    images_per_prompt: Annotated[
        int | None, typer.Option("--images-per-prompt", help="Images of each prompt.")
    ] = None
    data: Data = None
    overrides: Set = None
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            metavar="NAME|FILE",
            help="A protocol, by name or YAML file; `run` and `score` take several: a,b.",
        ),
    ] = None
    metrics: Annotated[
        str | None,
        typer.Option(
            "--metrics", metavar="NAME,...", help="Names such as dino,clip_t; see `dreambench metrics`."
        ),
    ] = None


@dataclass(frozen=True)
class SpecOptions(ImageOptions):
    """Everything that a run is asked for, but its preset and its seed."""

    method: Annotated[str | None, typer.Option("--method", metavar="NAME", help="The method, by name.")] = (
        None
    )
    base: Base = None
    identifier: Annotated[
        str | None,
        typer.Option(
            "--identifier", metavar="WORD", help="The identifier, such as sks. [default: a rare token]"
        ),
    ] = None


@dataclass(frozen=True)
class Execution(ExecutorOptions):
    """Where and how tasks run."""

    executor: Annotated[
        str,
        typer.Option(
            "--executor",
            metavar="NAME",
            help="local: in this process. ray: units (subjects) on many GPUs or machines.",
        ),
    ] = "local"
    ray_address: Annotated[
        str | None,
        typer.Option(
            "--ray-address", metavar="HOST:PORT", help="A Ray cluster. [default: this machine alone]"
        ),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Units at once. [default: one per GPU, or per core]"),
    ] = None
    gpus_per_unit: Annotated[
        float | None, typer.Option("--gpus-per-unit", min=0, help="A unit's share of a GPU, such as 0.5.")
    ] = None
    unit_timeout: Annotated[
        float | None,
        typer.Option("--unit-timeout", min=1, help="Seconds for a unit. [default: from earlier timings]"),
    ] = None
    send_back: Annotated[
        bool, typer.Option("--send-back", help="Send files back even if workers see the run's folder.")
    ] = False
    attempts: Annotated[int, typer.Option(hidden=True)] = 3


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of every group that it takes: a parameter whose type is a dataclass."""
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, type[Any]] = {}
    for parameter in inspect.signature(command).parameters.values():
        kind = hints[parameter.name]
        if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
            parameters.append(parameter.replace(annotation=kind))
            continue
        groups[parameter.name] = kind
        declared = get_type_hints(kind, include_extras=True)
        parameters += [
            parameter.replace(name=field.name, annotation=declared[field.name], default=field.default)
            for field in dataclasses.fields(kind)
        ]

    @functools.wraps(command)
    def call(**given: Any) -> None:
        for name, kind in groups.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in dataclasses.fields(kind)})
        command(**given)

    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del call.__wrapped__  # type: ignore[attr-defined]
    return call
