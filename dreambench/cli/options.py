"""The options that several commands share, and how they become a RunSpec."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from dreambench.spec.run_spec import RunSpec

Preset = Annotated[
    str | None,
    typer.Option(
        "--preset", help="A preset's name, or a YAML file. [default: paper-sd15; a run without a GPU: mini]"
    ),
]
Subjects = Annotated[str | None, typer.Option("--subjects", help="all, or names such as dog,cat.")]
Prompts = Annotated[str | None, typer.Option("--prompts", help="all, or indices such as 0-4,7.")]
ImagesPerPrompt = Annotated[int | None, typer.Option("--images-per-prompt", help="Images of each prompt.")]
MethodName = Annotated[str | None, typer.Option("--method", help="The method, by name.")]
Base = Annotated[str | None, typer.Option("--base", help="The base model: a hub id, or a folder.")]
Data = Annotated[
    Path | None, typer.Option("--data", help="The official dataset's folder, or your own with subjects.csv.")
]
Seed = Annotated[int | None, typer.Option("--seed", help="The run's seed.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY.PATH=VALUE", help="Set any field of the spec.")
]
Metrics = Annotated[str | None, typer.Option("--metrics", help="Of dino,clip_i,clip_t,div,pres.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else.")]


#: The preset of the paper's setting, and of every score without ``--preset``.
PAPER_PRESET = "paper-sd15"


def has_cuda() -> bool:
    """Whether this machine has an NVIDIA driver; tells a preset's default without importing torch."""
    return shutil.which("nvidia-smi") is not None


def default_preset() -> str:
    """Return the preset of a run without ``--preset``: the paper's setting with a GPU, else the miniature."""
    return PAPER_PRESET if has_cuda() else "mini"


def spec_from_options(
    *,
    preset: str | None,
    subjects: str | None,
    prompts: str | None,
    data: Path | None,
    metrics: str | None,
    settings: list[str] | None,
    images_per_prompt: int | None = None,
    method: str | None = None,
    base: str | None = None,
    seed: int | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> RunSpec:
    """Build the spec that a command line asks for. Raises DreambenchError naming a wrong field.

    ``defaults`` are fields that the command itself sets where the command line does not.
    """
    from dreambench.runs.resolve import parse_subjects
    from dreambench.spec.presets import build_spec

    fields = {
        "subjects": parse_subjects(subjects),
        "prompts": prompts,
        "images_per_prompt": images_per_prompt,
        "method": method,
        "base.model": base,
        "data.folder": str(data) if data else None,
        "seed": seed,
        "protocol.metrics": None if metrics is None else [m.strip() for m in metrics.split(",") if m.strip()],
    }
    given = {name: value for name, value in fields.items() if value is not None}
    return build_spec(preset or default_preset(), {**(defaults or {}), **given}, settings or [])
