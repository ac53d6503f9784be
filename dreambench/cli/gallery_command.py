"""``dreambench gallery``: the paper's applications, or prompts of one's own, drawn by a run's models."""

from __future__ import annotations

import json as json_library
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreambench.cli import options
from dreambench.errors import DreambenchError

if TYPE_CHECKING:
    from dreambench.runs.gallery import GalleryPlan
    from dreambench.store.gallery_folder import GalleryFolder


def gallery(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run folders.")],
    prompts: Annotated[
        str, typer.Option("--prompts", metavar="NAME|FILE", help="A prompt set's name, or a YAML file.")
    ] = "applications",
    subjects: Annotated[
        str | None,
        typer.Option("--subjects", metavar="NAME,...", help="Names such as dog,cat. [default: the run's]"),
    ] = None,
    images: Annotated[
        int | None,
        typer.Option("--images", min=1, max=1000, help="Images of each prompt. [default: the run's]"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="The gallery's seed. [default: the run's]")
    ] = None,
    data: options.Data = None,
    base: options.Base = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FOLDER", help="The gallery's folder; with several runs, one below it for each."
        ),
    ] = None,
    keep_checkpoints: Annotated[
        bool, typer.Option("--keep-checkpoints", help="Keep weights that are trained again, in the run.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Draw the paper's applications with a run's models: contact sheets, and a page. Nothing is scored."""
    from dreambench.dataset.prompt_sets import read_prompt_set
    from dreambench.runs.asked import parse_subjects
    from dreambench.store import open_run

    asked = read_prompt_set(prompts)
    names = parse_subjects(subjects)
    opened = [open_run(path) for path in runs]
    folders = _folders(runs, out)
    from dreambench.spec.process import quiet_libraries

    quiet_libraries()
    from dreambench.progress import reporter
    from dreambench.report.gallery_page import write_gallery_page, write_sheets
    from dreambench.runs.gallery import draw_gallery, plan_gallery

    # All of them first: an error in the last run must not show after hours of the others.
    plans = [
        plan_gallery(
            run,
            asked,
            subjects=None if names is None or isinstance(names, str) else names,
            images=images,
            seed=seed,
            data=None if data is None else str(data),
            base=base,
            out=folder,
        )
        for run, folder in zip(opened, folders, strict=True)
    ]
    made = []
    for plan in plans:
        with reporter() as shown:
            for line in _notices(plan):
                shown.say(line)
            drawn = draw_gallery(plan, shown, write_sheets, keep_checkpoints)
        made.append(_as_json(drawn, write_gallery_page(drawn)))
    if json:
        typer.echo(json_library.dumps({"galleries": made}, indent=1))
        return
    for one in made:
        counts = f"{one['n_images']:,} images, {len(one['sheets'])} contact sheets"
        typer.echo(f"{one['run']}: {counts}: {one['page']}")


def _folders(runs: list[Path], out: Path | None) -> list[Path | None]:
    if out is None:
        return [None for _ in runs]
    if len(runs) == 1:
        return [out]
    folders = [out / run.resolve().name for run in runs]
    if len(set(folders)) < len(folders):
        raise DreambenchError("two of the runs have folders of the same name", "name them one at a time")
    return list(folders)


def _notices(plan: GalleryPlan) -> list[str]:
    record = plan.record
    lines = [f"{plan.run.path}: {note}" for note in record.notes]
    again = plan.trained_again()
    if again:
        steps = plan.prepared.spec.method.training_steps()
        each = f", {steps:,} steps each" if steps else ""
        lines.append(
            f"{plan.run.path}: no checkpoint was kept of {', '.join(again)}: "
            f"trained again from the run's spec ({record.method}{each})"
        )
    return lines


def _as_json(made: GalleryFolder, page: Path) -> dict[str, Any]:
    record = made.record
    sheets = [str(made.sheet_file(s, g)) for s in record.subjects for g in record.groups(s)]
    return {
        "run": record.run,
        "prompts": record.prompts.name,
        "folder": str(made.path),
        "page": str(page),
        "sheets": sheets,
        "subjects": list(record.subjects),
        "n_images": sum(len(made.images(s)) for s in record.subjects),
        "images": record.images,
        "seed": record.seed,
    }
